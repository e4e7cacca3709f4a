"""The error for an action that is not an edit."""


class NoEditError(ValueError):
    """The action is not an edit of the file."""
