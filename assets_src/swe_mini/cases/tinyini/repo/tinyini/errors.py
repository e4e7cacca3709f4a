"""What goes wrong."""


class IniError(ValueError):
    """A line that is no INI, with its place."""

    def __init__(self, name, line_no, reason):
        super().__init__(f"{name}, line {line_no}: {reason}")
        self.line_no = line_no
