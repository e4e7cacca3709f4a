"""Why there is no handler."""


class RouteError(ValueError):
    """A pattern or a set of parameters that cannot be used."""


class NotFound(LookupError):
    """No pattern fits the path."""


class MethodNotAllowed(LookupError):
    """A pattern fits the path, for other methods."""

    def __init__(self, path, allowed):
        super().__init__(f"{path}: allowed are {', '.join(sorted(allowed))}")
        self.allowed = frozenset(allowed)
