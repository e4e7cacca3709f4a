"""What can be wrong with a template."""


class TemplateError(Exception):
    """A mistake in a template; the text begins with the line, as in "line 3: ..."."""

    def __init__(self, line, message):
        super().__init__(f"line {line}: {message}")
