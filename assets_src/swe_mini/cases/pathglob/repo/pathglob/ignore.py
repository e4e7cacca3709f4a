"""A whole ignore file."""

from pathglob.pattern import parse_pattern


class Ignore:
    """A list of patterns, in the order of their lines."""

    def __init__(self, patterns):
        self.patterns = tuple(patterns)

    @classmethod
    def parse(cls, text):
        """From the text of an ignore file."""
        return cls(filter(None, map(parse_pattern, text.splitlines())))

    def ignores(self, path):
        """Whether a path is ignored: the last pattern that matches it, or a folder it lies in, decides."""
        return self.verdict(path) is not None and not self.verdict(path).negated

    def verdict(self, path):
        """The pattern that decides about a path; None if there is none."""
        for pattern in reversed(self.patterns):
            if any(pattern.matches(*candidate) for candidate in _with_folders(path)):
                return pattern
        return None


# ------------------------------------------------------------------------------


def _with_folders(path):
    """(path, is_folder) of a path and of the folders it lies in, outermost first."""
    names = path.rstrip("/").split("/")
    for depth in range(1, len(names) + 1):
        yield "/".join(names[:depth]), depth < len(names) or path.endswith("/")
