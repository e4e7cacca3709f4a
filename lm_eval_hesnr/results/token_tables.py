"""Computes every measure again from token tables, without a model, also for other scopes, epsilon or threshold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.labels import SCOPES, Label
from lm_eval_hesnr.metrics.bootstrap import Difference, paired_difference
from lm_eval_hesnr.metrics.measures import HIGHER_IS_BETTER, totals
from lm_eval_hesnr.metrics.profile import EntropyProfile
from lm_eval_hesnr.metrics.scope_result import ScopeResult, scope_result
from lm_eval_hesnr.scoring.statistics import Extras
from lm_eval_hesnr.scoring.store import NOT_IN_ADDRESS, SETTINGS
from lm_eval_hesnr.scoring.token_scores import PLAN_KEYS, TokenScores
from lm_eval_hesnr.scoring.token_table import read_numbered_table

Scopes = Mapping[str, frozenset[Label]]


@dataclass(frozen=True, slots=True)
class Tables:
    """The token tables of one run, as profiles."""

    folder: Path
    signature: dict[str, Any]
    names: list[str]
    """The id of each document's trajectory."""
    digests: list[str]
    """The digest of each document's token ids. Equal digests mean equal documents."""
    profiles: dict[str, list[EntropyProfile]]
    """For each scope, one profile per document."""

    def rows(self, scope: str, epsilon: float | None) -> np.ndarray:
        """(documents, columns) of `measures.totals`."""
        return np.stack([totals(profile, epsilon) for profile in self.profiles[scope]])


def read_tables(folder: Path, scopes: Scopes, epsilon: float) -> Tables:
    """The profiles of every token table in a folder, with epsilon as an exact edge.

    Raises:
        InputError: there is no table, one is damaged, or they were written with different settings.
    """
    folder = _folder_with_tables(folder)
    paths = sorted(folder.glob("*.parquet"))
    ignored = {*PLAN_KEYS, *(NOT_IN_ADDRESS if (folder / SETTINGS).exists() else ())}
    names: list[str] = []
    digests: list[str] = []
    signature: dict[str, Any] = {}
    profiles: dict[str, list[EntropyProfile]] = {scope: [] for scope in scopes}
    documents: dict[tuple[Any, ...], Path] = {}
    for path in paths:
        try:
            number, name, scores = read_numbered_table(path, Extras(temperatures=True))
        except ValueError as error:
            raise InputError(f"{path}: {error}; remove it or write the tables again") from error
        tokens = scores.digest
        if (same := documents.setdefault((number, name, tokens), path)) is not path:
            raise InputError(f"{path}: it is the same document as {same.name} ({name}); remove one of them")
        keys = (signature.keys() | scores.signature.keys()) - ignored if signature else set()
        if differing := sorted(key for key in keys if scores.signature.get(key) != signature.get(key)):
            raise InputError(
                f"{path}: written with other settings than {paths[0].name} ({', '.join(differing)}); "
                "use one folder per run"
            )
        if epsilon >= math.log(scores.k):
            raise InputError(
                f"{folder}: --epsilon should be below ln k = {math.log(scores.k):.4f} nats (k = {scores.k}), "
                f"found {epsilon:.6g}"
            )
        signature = scores.signature
        names.append(name)
        digests.append(tokens)
        for scope, labels in scopes.items():
            try:
                profiles[scope].append(_profile(scores, labels, epsilon))
            except ValueError as error:
                raise InputError(f"{path}: {error}; write the tables again") from error
    return Tables(folder, signature, names, digests, profiles)


def _folder_with_tables(folder: Path) -> Path:
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


def _profile(scores: TokenScores, labels: frozenset[Label], epsilon: float) -> EntropyProfile:
    """The profile of one scope; empty, as in the run itself, if the run did not score all tokens of the scope."""
    available = scores.signature.get("score") != "action" or labels == SCOPES["action"]
    chosen = scores.in_scope(labels) if available else np.zeros_like(scores.scored)
    return scores.profile(chosen, epsilon)


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


def compare_tables(a: Tables, b: Tables, epsilon: float) -> dict[str, dict[str, Difference | None]]:
    """The difference B minus A for each scope and measure, paired by trajectory.

    The trajectories, their tokens, k, score, render and label_rules must be equal. `hesnr diagnose` compares more.

    Raises:
        InputError: the runs have different trajectories or settings.
    """
    if sorted(a.names) != sorted(b.names):
        only = sorted(set(a.names) ^ set(b.names))
        raise InputError(
            f"{a.folder} and {b.folder}: not the same trajectories ({len(a.names)} and {len(b.names)}; only in one of "
            f"them: {only[0] if only else 'a repeated one'}); score both runs on the same files"
        )
    for key in ("k", "score", "render", "label_rules"):
        if a.signature.get(key) != b.signature.get(key):
            raise InputError(
                f"{a.folder} and {b.folder}: {key} differs ({a.signature.get(key)!r} and {b.signature.get(key)!r}); "
                "score both runs with the same settings"
            )
    if sorted(a.digests) != sorted(b.digests):
        raise InputError(
            f"{a.folder} and {b.folder}: the same trajectories, but different tokens; only runs with the same "
            "tokenizer and text can be paired"
        )
    order_a, order_b = (np.argsort(run.digests, kind="stable") for run in (a, b))
    return {
        scope: {
            name: paired_difference(name, a.rows(scope, epsilon)[order_a], b.rows(scope, epsilon)[order_b])
            for name in HIGHER_IS_BETTER
        }
        for scope in a.profiles
    }
