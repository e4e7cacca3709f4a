"""The user's mistakes."""


class UsageError(ValueError):
    """A command line that does not fit the table. The text is fit for the user."""
