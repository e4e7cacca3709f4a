"""From the paths that a user names to the runs in them, and short names for these runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import read_regular
from lm_eval_hesnr.messages.characters import LONGEST_NAME, shortened
from lm_eval_hesnr.messages.counts import counted
from lm_eval_hesnr.scoring.store import SETTINGS

_ADVICE = "give a folder with token tables (--metadata token_table=DIR), or results (--output_path)"

_GENERIC = ("tokens", "results")
"""Names of folders that say nothing about a run."""

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

    A folder may contain several of them. Of several results files of our tasks in the same folder, the newest is used.

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
    if folders := sorted({path.parent for path in given.glob("*/*.parquet")}, key=_by_numbers):
        return [Source(folder, has_tokens=True) for folder in folders]
    if found := results_in(given):
        return found
    raise InputError(f"{given}: no token table (*.parquet) and no results_*.json in it; {_ADVICE}")


def results_in(folder: Path) -> list[Source]:
    """The newest results file of each folder inside a folder, ordered by path. `step200` is before `step1000`.

    Files without a result of our tasks count only if the folder has no others.
    """
    files: dict[Path, list[Path]] = {}
    for path in sorted(folder.rglob("results_*.json"), key=_by_numbers):
        files.setdefault(path.parent, []).append(path)
    for found in files.values():
        found[:] = [path for path in found if len(found) > 1 and _is_ours(path)] or found
    return [Source(found[-1], has_tokens=False, older=len(found) - 1) for found in files.values()]


def _is_ours(path: Path) -> bool:
    """Whether a results file seems to have results of our tasks. The reader of the file names what is wrong with it."""
    try:
        return b'"he_snr,' in read_regular(path)
    except OSError:
        return False


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

    The last folder of a score store is a digest, and the harness makes that of a results file from the model's name. So
    the model's name takes its place, if the names are then different.

    Args:
        found: the runs.
        models: the name of each run's model.
    """
    folders = [source.path.absolute() if source.has_tokens else source.path.absolute().parent for source in found]
    by_model = [
        [*_parts(*folder.parts[:-1]), *_parts(model if _is_named_by_model(source) else folder.name)]
        for source, folder, model in zip(found, folders, models, strict=True)
    ]
    by_folder = [_parts(*folder.parts) for folder in folders]
    by_file = [[*parts, source.path.name] for source, parts in zip(found, by_folder, strict=True)]
    for parts in (by_model, by_folder, by_file):
        names = [shortened(name, LONGEST_NAME) for name in _differing(parts)]
        if len(set(names)) == len(names):
            return names
    return unique_names([shortened(name, LONGEST_NAME) for name in _differing(by_folder)])  # the same run twice


def unique_names(names: Sequence[str]) -> list[str]:
    """The names, each different: the second of equal ones is `name-2`, the third `name-3`."""
    found: list[str] = []
    for name in names:
        used = {*found, *(other for other in names if other != name)}
        numbered = (name if n == 1 else f"{name}-{n}" for n in count(1))
        found.append(next(one for one in numbered if one not in used))
    return found


def _is_named_by_model(source: Source) -> bool:
    return not source.has_tokens or (source.path / SETTINGS).is_file()


def _parts(*names: str) -> list[str]:
    """The parts of paths. In the folder's names that the harness makes of model names, `__` replaces `/`."""
    return [part for name in names for part in name.replace("__", "/").split("/") if part]


def _differing(runs: Sequence[list[str]]) -> list[str]:
    """Each run's parts without those that all runs have at the beginning and at the end, and without `_GENERIC` ones.

    If the last remaining parts are all different, they alone are the names; else the first ones, if these are.
    """
    if len(runs) == 1:
        return [runs[0][-1]]
    runs = [[part for part in run if part not in _GENERIC] or run for run in runs]
    shortest = min(map(len, runs)) - 1  # at least one part is left
    begin = next((i for i in range(shortest) if len({run[i] for run in runs}) > 1), shortest)
    end = next((i for i in range(shortest - begin) if len({run[-1 - i] for run in runs}) > 1), shortest - begin)
    left = [run[begin : len(run) - end] for run in runs]
    for names in ([run[-1] for run in left], [run[0] for run in left]):
        if len(set(names)) == len(names):
            return names
    return ["/".join(run) for run in left]
