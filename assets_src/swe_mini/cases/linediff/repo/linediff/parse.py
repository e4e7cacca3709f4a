"""Diff text to hunks."""

import re

from linediff.errors import PatchError
from linediff.hunk import Hunk

_HEADER = re.compile(r"@@ -(\d+),(\d+) \+(\d+),(\d+) @@.*")


def parse(diff):
    """The hunks of a diff of one file. File headers (---, +++, diff, index) are skipped."""
    hunks = []
    old_left = new_left = 0
    for line_no, line in enumerate(diff.splitlines(), start=1):
        if old_left == 0 and new_left == 0:
            header = _HEADER.fullmatch(line)
            if header:
                old_start, old_left, new_start, new_left = map(int, header.groups())
                hunks.append(Hunk(line_no, old_start, new_start))
            continue
        sign, text = line[:1] or " ", line[1:]
        if sign not in " -+":
            raise PatchError(line_no, f"expected a line that starts with a space, - or +, not {line!r}")
        hunks[-1].changes.append((sign, text))
        old_left -= sign in " -"
        new_left -= sign in " +"
    if old_left or new_left:
        raise PatchError(hunks[-1].line_no, "the hunk is shorter than its header says")
    return hunks
