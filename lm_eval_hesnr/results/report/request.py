"""What the user asks of a report."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lm_eval_hesnr.errors import InputError

_SIZE = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*([kMG]?)B?", re.IGNORECASE)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRequest:
    """The inputs and options of one report."""

    paths: Sequence[Path]
    """Results files, folders of them, sweeps, and folders of token tables."""
    baseline: str | None = None
    """The name of the run that all others are compared with; None for the first one."""
    scope: str | None = None
    """The scope of the page; None for `action`, or the first scope of the baseline."""
    task: str | None = None
    """One of our tasks; None for the first one in the results."""
    show: str = "3"
    """A number of trajectories, or their ids, separated by commas."""
    max_size: int = 25_000_000
    """The largest size of the file, bytes."""
    with_text: bool = True
    """Whether the page has the words of the trajectories."""
    title: str | None = None
    set_of: str | None = None
    """The name or path of a run; all runs are also measured on its decisions. None for no such table."""
    scores: Path | None = None
    """SCORES.csv of `hesnr correlate`; None for a page without the section about it."""


def size_in_bytes(text: str, option: str) -> int:
    """The bytes of a size such as `25MB`, `800kB` or `1000`.

    Raises:
        InputError: it is not a size.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None or not (size := int(float(found[1]) * _UNITS[found[2].lower()])):
        raise InputError(f"{option} {text}: expected a size above 0, such as 25MB or 800kB")
    return size
