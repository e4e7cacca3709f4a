"""A patch that cannot be used."""


class PatchError(ValueError):
    """The diff is malformed, or does not fit the text."""

    def __init__(self, line_no, reason):
        super().__init__(f"line {line_no} of the diff: {reason}")
        self.line_no = line_no
