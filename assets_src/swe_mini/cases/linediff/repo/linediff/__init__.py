"""Unified diffs: read, apply, reverse."""

from linediff.apply import apply
from linediff.errors import PatchError
from linediff.hunk import Hunk
from linediff.parse import parse
from linediff.reverse import reverse

__all__ = ["Hunk", "PatchError", "apply", "parse", "reverse"]
