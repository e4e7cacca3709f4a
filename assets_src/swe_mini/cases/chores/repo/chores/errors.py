"""What can be wrong with a set of tasks."""


class ChoresError(ValueError):
    """The tasks cannot be read or put in order."""
