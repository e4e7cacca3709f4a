"""One line of an ignore file."""

import re
from typing import NamedTuple

from pathglob.translate import translate


class Pattern(NamedTuple):
    """A line, understood. `regex` is for the whole path of a file or folder, without a slash at its end."""

    line: str
    regex: re.Pattern[str]
    negated: bool
    only_folders: bool

    def matches(self, path, is_folder):
        """Whether the pattern means this very path; what lies inside of it is not asked here."""
        return (is_folder or not self.only_folders) and self.regex.fullmatch(path) is not None


def parse_pattern(line):
    """The pattern of a line; None for an empty line or a comment."""
    glob = line.rstrip()
    if not glob or glob.startswith("#"):
        return None
    negated = glob.startswith("!")
    glob = glob.removeprefix("!")
    only_folders = glob.endswith("/")
    glob = glob.rstrip("/")
    # A slash at the front or in the middle ties the pattern to the root; without one it means every depth.
    anchored = "/" in glob
    regex = translate(glob.removeprefix("/"))
    return Pattern(line, re.compile(regex if anchored else f"(?:.*/)?{regex}", re.DOTALL), negated, only_folders)
