"""How much of a change of he_snr comes from other tokens that are decisions, if both runs have written token tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import user_path
from lm_eval_hesnr.labels import Label
from lm_eval_hesnr.metrics.bootstrap import Difference
from lm_eval_hesnr.results.change import Change
from lm_eval_hesnr.results.compared_run import ComparedRun, from_tables
from lm_eval_hesnr.results.decompose import decompose
from lm_eval_hesnr.results.findings import Run
from lm_eval_hesnr.results.token_tables import read_tables

_SAME = 1e-6
"""The tables are those of the two runs if they give the same change of he_snr, within this."""
_LABELS = {label.label_name: label for label in Label}


def parts_of_change(change: Change) -> Mapping[str, Difference] | None:
    """The parts `within`, `entering` and `leaving` of the change of he_snr (`metrics.decomposition`).

    The token tables are those that the results files name in `metadata.token_table`. None if there are none, or if they
    belong to other runs: a later run may have written into the same folder.
    """
    values, documents = change.values("he_snr"), change.before.config.get("documents")
    if values is None or change.samples is None or documents is None:
        return None
    epsilon, labels = documents["epsilon"].get(change.scope), _labels(change.before, change.scope)
    if epsilon is None or not labels:
        return None
    try:
        before, after = (_tables(run, change.scope, labels, epsilon) for run in (change.before, change.after))
        if before is None or after is None or before.digests != after.digests:
            return None
        parts = decompose(before, after, labels, epsilon)
    except (InputError, OSError, ValueError):
        return None
    found = {name: part for name, part in parts.items() if part is not None}
    if {"total", "within", "entering", "leaving"} <= found.keys():
        return found if abs(found["total"].value - (values[1] - values[0])) <= _SAME else None
    return None


def _labels(run: Run, scope: str) -> frozenset[Label]:
    """The labels of the scope, from the signature; empty if it does not name them."""
    scopes = run.config["signature"].get("scopes")
    names = scopes.get(scope) if isinstance(scopes, dict) else None
    known = isinstance(names, list) and all(isinstance(name, str) and name in _LABELS for name in names)
    return frozenset(_LABELS[name] for name in names) if known and names else frozenset()


def _tables(run: Run, scope: str, labels: frozenset[Label], epsilon: float) -> ComparedRun | None:
    """The run's token tables; None if there are none."""
    folder = _folder(run.config.get("metadata"), run.task)
    if folder is None:
        return None
    scopes = {scope: labels}
    return from_tables(read_tables(folder, scopes, epsilon), scopes, epsilon)


def _folder(metadata: Any, task: str) -> Path | None:
    """The folder of the token tables. If a run has several of our tasks, it is a folder with the task's name."""
    given = metadata.get("token_table") if isinstance(metadata, dict) else None
    if not isinstance(given, str):
        return None
    folders = user_path(given) / task, user_path(given)
    return next((folder for folder in folders if folder.is_dir() and any(folder.glob("*.parquet"))), None)
