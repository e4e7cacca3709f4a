"""Hunks into text."""

from linediff.errors import PatchError
from linediff.parse import parse


def apply(text, diff):
    """The text after the diff. Raises PatchError if a hunk does not fit."""
    lines = text.splitlines()
    shift = 0  # how many lines the hunks so far have added
    for hunk in parse(diff):
        start = hunk.old_start - 1 + shift
        old, new = hunk.old_lines(), hunk.new_lines()
        if lines[start : start + len(old)] != old:
            raise PatchError(hunk.line_no, f"does not fit the text at line {hunk.old_start}")
        lines[start : start + len(old)] = new
        shift += len(new) - len(old)
    return "\n".join(lines) + "\n"
