"""Computes every measure again from token tables, without a model, also for other scopes, epsilon or threshold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.labels import SCOPES, Label
from lm_eval_hesnr.metrics.profile import EntropyProfile
from lm_eval_hesnr.metrics.scope_result import ScopeResult, scope_result
from lm_eval_hesnr.scoring.statistics import NO_EXTRAS, Extras
from lm_eval_hesnr.scoring.store import NOT_IN_ADDRESS, SETTINGS
from lm_eval_hesnr.scoring.token_scores import PLAN_KEYS, TokenScores
from lm_eval_hesnr.scoring.token_table import read_numbered_table

Scopes = Mapping[str, frozenset[Label]]


@dataclass(frozen=True, slots=True)
class Tables:
    """The token tables of one run, as profiles. The documents are ordered by their tokens, not by the files' names."""

    folder: Path
    signature: dict[str, Any]
    names: list[str]
    """The id of each document's trajectory."""
    digests: list[str]
    """The digest of each document's token ids. Equal digests mean equal documents."""
    paths: list[Path]
    """The file of each document."""
    profiles: dict[str, list[EntropyProfile]]
    """For each scope, one profile per document."""


class _Document(NamedTuple):
    """One document of a run; documents sort by their tokens."""

    digest: str
    name: str
    number: int | None
    path: Path
    profiles: list[EntropyProfile]


def read_tables(folder: Path, scopes: Scopes, epsilon: float, *, temperatures: bool = True) -> Tables:
    """The profiles of every token table in a folder, with epsilon as an exact edge.

    Args:
        folder: the folder, or a score store with one such folder.
        scopes: one profile per document is computed for each.
        epsilon: nats.
        temperatures: whether the profiles have the sums by temperature, which only `calibrated_he_snr` needs.

    Raises:
        InputError: there is no table, one is damaged, or they were written with different settings.
    """
    folder = folder_with_tables(folder)
    paths = sorted(folder.glob("*.parquet"))
    ignored = {*PLAN_KEYS, *(NOT_IN_ADDRESS if (folder / SETTINGS).exists() else ())}
    signature: dict[str, Any] = {}
    documents: dict[tuple[Any, ...], _Document] = {}
    for path in paths:
        number, name, scores = read_scores(path, Extras(temperatures=temperatures and bool(scopes)))
        key = (number, name, scores.digest)
        if key in documents:
            raise InputError(
                f"{path}: it is the same document as {documents[key].path.name} ({name}); remove one of them"
            )
        keys = (signature.keys() | scores.signature.keys()) - ignored if signature else set()
        if differing := sorted(key for key in keys if scores.signature.get(key) != signature.get(key)):
            raise InputError(
                f"{path}: written with other settings than {paths[0].name} ({', '.join(differing)}); "
                "use one folder per run"
            )
        check_epsilon(folder, epsilon, scores.k)
        signature = scores.signature
        profiles = [_profile(path, scores, labels, epsilon) for labels in scopes.values()]
        documents[key] = _Document(scores.digest, name, number, path, profiles)
    ordered = sorted(documents.values(), key=lambda one: (one.digest, one.name, one.number or 0))
    return Tables(
        folder,
        signature,
        [one.name for one in ordered],
        [one.digest for one in ordered],
        [one.path for one in ordered],
        {scope: [one.profiles[i] for one in ordered] for i, scope in enumerate(scopes)},
    )


def read_scores(path: Path, extras: Extras = NO_EXTRAS) -> tuple[int | None, str, TokenScores]:
    """The number, the name and the scores of one token table.

    Args:
        path: the file.
        extras: the optional statistics to read, if the file has them.

    Raises:
        InputError: it is not a token table, or it is damaged.
    """
    try:
        return read_numbered_table(path, extras)
    except ValueError as error:
        raise InputError(f"{path}: {error}; remove it or write the tables again") from error


def check_epsilon(folder: Path, epsilon: float, k: int) -> None:
    """Raise InputError if no token can have an entropy above epsilon."""
    if epsilon >= math.log(k):
        raise InputError(
            f"{folder}: --epsilon should be below ln k = {math.log(k):.4f} nats (k = {k}), found {epsilon:.6g}"
        )


def folder_with_tables(folder: Path) -> Path:
    """The folder itself. If it is a score store of one model, the one folder in it that contains tables."""
    if not folder.is_dir():
        kind = "it is not a folder" if folder.exists() else "there is no such folder"
        raise InputError(f"{folder}: {kind}; give a folder with token tables, from --metadata token_table=DIR")
    if any(folder.glob("*.parquet")):
        return folder
    settings = sorted({path.parent for path in folder.glob("*/*.parquet")})
    if not settings:
        raise InputError(f"{folder}: no token table (*.parquet); write them with --metadata token_table=DIR")
    if len(settings) > 1:
        raise InputError(
            f"{folder}: it has {len(settings)} folders with token tables, one for each task, or one for each model "
            f"and settings; name one, such as {settings[0]}"
        )
    return settings[0]


def available(scores: TokenScores, labels: frozenset[Label]) -> bool:
    """Whether the run scored all tokens of the scope."""
    return scores.signature.get("score") != "action" or labels == SCOPES["action"]


def _profile(path: Path, scores: TokenScores, labels: frozenset[Label], epsilon: float) -> EntropyProfile:
    """The profile of one scope; empty, as in the run itself, if the run did not score all tokens of the scope."""
    chosen = scores.in_scope(labels) if available(scores, labels) else np.zeros_like(scores.scored)
    try:
        return scores.profile(chosen, epsilon)
    except ValueError as error:
        raise InputError(f"{path}: {error}; write the tables again") from error


def measure_tables(tables: Tables, method: str, epsilon: float) -> dict[str, dict[str, Any]]:
    """Measures, standard errors and summary of each scope, as a run computes them. Missing numbers are None."""
    return {
        scope: _plain(scope_result(profiles, tables.names, method=method, epsilon=epsilon, digests=tables.digests))
        for scope, profiles in tables.profiles.items()
    }


def _plain(result: ScopeResult) -> dict[str, Any]:
    return {
        "measures": {name: found.value for name, found in result.estimates.items()},
        "stderr": {name: found.stderr for name, found in result.estimates.items()},
        "summary": result.summary,
    }
