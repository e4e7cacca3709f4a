"""The folders of token tables, and the file of one trajectory in them. Files are opened only when they are needed."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import open_regular
from lm_eval_hesnr.results.token_tables import read_scores
from lm_eval_hesnr.scoring.statistics import Extras
from lm_eval_hesnr.scoring.store import SETTINGS
from lm_eval_hesnr.scoring.table_file import read_texts
from lm_eval_hesnr.scoring.token_scores import PLAN_KEYS, TokenScores
from lm_eval_hesnr.scoring.token_table import file_name

_NUMBERED = re.compile(r"\d{5,}-(.*)\.parquet")
_LARGEST_TEXT = 2**28
"""Bytes of the column `text` of one table."""


class Table(NamedTuple):
    """The token table of one trajectory."""

    scores: TokenScores
    texts: list[str] | None
    """The characters of each token; None if the file has no text."""


def folders_of_tables(folder: Path) -> list[Path]:
    """All folders of token tables in a folder, in the order of their names. Score stores are left out."""
    found = sorted({path.parent for path in folder.rglob("*.parquet")})
    return [one for one in found if not (one / SETTINGS).exists()]


def given_folder(folder: Path) -> list[Path]:
    """The folders of token tables at a path without results.

    Raises:
        InputError: there is none.
    """
    if found := folders_of_tables(folder):
        return found
    raise InputError(
        f"{folder}: no results_*.json and no token tables in it; give a folder that lm_eval --output_path or "
        "--metadata token_table=DIR wrote, or a sweep"
    )


def table_signature(folder: Path) -> dict[str, Any] | None:
    """The settings of the token tables in a folder, from the first of them; None if there is none."""
    try:
        first = min(folder.glob("*.parquet"), default=None)
        if first is None:
            return None
        with open_regular(first) as file:
            found = json.loads((pq.read_schema(file).metadata or {})[b"hesnr"])
    except (OSError, ValueError, KeyError, RecursionError, pa.ArrowException):
        return None
    return {key: value for key, value in found.items() if key not in PLAN_KEYS} if isinstance(found, dict) else None


def table_of(folder: Path, name: str, digest: str, *, with_text: bool) -> Table | None:
    """The token table of a trajectory; None if the folder has none with its name and its tokens.

    Args:
        folder: the folder of the run.
        name: the id of the trajectory.
        digest: the digest of its token ids.
        with_text: whether the text is read.

    Raises:
        InputError: the table is damaged.
    """
    for path in _by_name(folder).get(file_name(name), ()):
        scores = read_scores(path, Extras(candidates=True))[2]
        if scores.digest == digest:
            return Table(scores, _texts(path, len(scores.token_ids)) if with_text else None)
    return None


@lru_cache(maxsize=64)
def _by_name(folder: Path) -> dict[str, Sequence[Path]]:
    """The files of a folder by the trajectory's name in their own names."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*.parquet")):
        if match := _NUMBERED.fullmatch(path.name):
            found.setdefault(match[1], []).append(path)
    return dict(found)


def _texts(path: Path, n_tokens: int) -> list[str] | None:
    try:
        return read_texts(path, n_tokens, _LARGEST_TEXT)
    except ValueError as error:
        raise InputError(f"{path}: {error}; write the tables again") from error
