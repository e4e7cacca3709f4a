"""What an experiment of the laboratory is: pieces of work that make readings, and an analysis of the readings.

An experiment is a module with a value `EXPERIMENT`. `lab/experiments.py` has the list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.readings import Readings

NOT_MADE = "not made"
"""The verdict of an experiment, until all readings of its complete form are there."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a piece of work made."""

    about: Mapping[str, Any]
    """What the whole file of readings is about, such as the training settings and the digest of the model. It must be
    the same for all parts of the file."""
    value: Any
    """The reading, as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One piece of work. It makes one part of one file of readings, and is never done again."""

    name: str
    """The file's name, without its ending."""
    part: str
    """The part of the file, such as `reading/micro_swe` or `outcome/0`."""
    make: Callable[[Path], Made] | None
    """From a folder for unfinished work to the reading. If it was killed, it is called again with the same folder. None
    if no code makes this reading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What the readings say."""

    blocks: Mapping[str, str]
    """Markdown of each block of the page, by name."""
    data: Any
    """The same numbers, as JSON."""
    picture: str
    """SVG."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """A plan, and an analysis."""

    question: str
    """In one line."""
    pieces: Callable[[bool], Sequence[Piece]]
    """From whether the fast form is asked for to all pieces of work, in order."""
    analyse: Callable[[Readings, bool], Analysis]
    """From the readings, and whether the fast form is asked for. It raises an `InputError` if it needs a reading that
    is not there."""
