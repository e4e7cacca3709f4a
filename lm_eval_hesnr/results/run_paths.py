"""From the paths that a user names to the runs in them, and short names for these runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.messages.counts import counted
from lm_eval_hesnr.scoring.store import SETTINGS

_ADVICE = "give a folder with token tables (--metadata token_table=DIR), or results (--output_path)"


_WORDS = re.compile("([^0-9]*)([0-9]{0,18})")
"""A word and the number after it. A longer number is read in pieces, because Python refuses very long ones."""


class Source(NamedTuple):
    """Where the numbers of one run are."""

    path: Path
    """A folder of token tables, or a results file."""
    has_tokens: bool
    """Whether it is a folder of token tables."""
    older: int = 0
    """Number of older results files in the same folder. They are not used."""


def sources(given: Path) -> list[Source]:
    """The runs at a path: a folder of token tables, a score store, a results file, or a folder of results.

    A folder may contain several of them. Of several results files in the same folder, the newest one is used.

    Raises:
        InputError: there is nothing at this path, or nothing in this folder.
    """
    if not given.is_dir():
        if not given.exists():
            raise InputError(f"{given}: there is no such folder or file; {_ADVICE}")
        if given.suffix != ".json":
            raise InputError(f"{given}: it is not a folder, and not a results_*.json; {_ADVICE}")
        return [Source(given, has_tokens=False)]
    if any(given.glob("*.parquet")):
        return [Source(given, has_tokens=True)]
    if folders := sorted({path.parent for path in given.glob("*/*.parquet")}):
        return [Source(folder, has_tokens=True) for folder in folders]
    if found := results_in(given):
        return found
    raise InputError(f"{given}: no token table (*.parquet) and no results_*.json in it; {_ADVICE}")


def results_in(folder: Path) -> list[Source]:
    """The newest results file of each folder inside a folder, ordered by path. `step200` is before `step1000`."""
    files: dict[Path, list[Path]] = {}
    for path in sorted(folder.rglob("results_*.json"), key=_by_numbers):
        files.setdefault(path.parent, []).append(path)
    return [Source(found[-1], has_tokens=False, older=len(found) - 1) for found in files.values()]


def _by_numbers(path: Path) -> list[list[tuple[str, int]]]:
    """A sort key: the parts of the path, with the numbers in them compared by value."""
    return [[(word, int(digits or 0)) for word, digits in _WORDS.findall(part)] for part in path.parts]


def one_folder_of_tables(given: Path) -> Path:
    """The only folder of token tables at a path.

    Raises:
        InputError: it has no token tables, or several folders of them.
    """
    found = sources(given)
    if not found[0].has_tokens:
        raise InputError(f"{given}: token tables are needed; write them with --metadata token_table=DIR")
    if len(found) > 1:
        raise InputError(
            f"{given}: it has {counted(len(found), 'folder')} with token tables, one for each task, or one for each "
            f"model and settings; name one, such as {found[0].path}"
        )
    return found[0].path


def short_names(found: Sequence[Source], models: Sequence[str]) -> list[str]:
    """A short name for each run, different for all: the part of its path that differs from the others'.

    Args:
        found: the runs.
        models: the name of each run's model. It replaces the folder's name inside a score store, which is a digest.
    """
    folders = [_parts(source, model, with_file=False) for source, model in zip(found, models, strict=True)]
    whole = [_parts(source, model, with_file=True) for source, model in zip(found, models, strict=True)]
    for parts in (folders, whole):
        names = _differing(parts)
        if len(set(names)) == len(names):
            return names
    return [f"{name} ({i + 1})" for i, name in enumerate(names)]  # the same run twice


def _parts(source: Source, model: str, *, with_file: bool) -> list[str]:
    """The parts of a path. In the folder's names that the harness makes of model names, `__` replaces `/`."""
    path = source.path.absolute()
    folder = path if source.has_tokens else path.parent
    inner = model if source.has_tokens and (path / SETTINGS).is_file() else folder.name
    parts = [part for name in (*folder.parts[:-1], inner) for part in name.replace("__", "/").split("/")]
    if with_file:
        parts.append(inner and path.name)
    return [part for part in parts if part]


def _differing(runs: Sequence[list[str]]) -> list[str]:
    """Each run's parts without those that all runs have at the beginning and at the end.

    If the first remaining parts are all different, they alone are the names; else the last ones, if these are.
    """
    if len(runs) == 1:
        return [runs[0][-1]]
    shortest = min(map(len, runs)) - 1  # at least one part is left
    begin = next((i for i in range(shortest) if len({run[i] for run in runs}) > 1), shortest)
    end = next((i for i in range(shortest - begin) if len({run[-1 - i] for run in runs}) > 1), shortest - begin)
    left = [run[begin : len(run) - end] for run in runs]
    for names in ([run[0] for run in left], [run[-1] for run in left]):
        if len(set(names)) == len(names):
            return names
    return ["/".join(run) for run in left]
