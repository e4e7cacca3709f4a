"""A run that has only token tables: its numbers are measured from them, as `hesnr measure` does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lm_eval_hesnr.labels import SCOPES, Label
from lm_eval_hesnr.metrics.edges import EPSILON
from lm_eval_hesnr.results.compare.compared_run import ComparedRun, from_tables
from lm_eval_hesnr.results.report.tables import table_signature
from lm_eval_hesnr.results.run import Run
from lm_eval_hesnr.results.token_tables import Scopes, measure_tables, read_tables

_TASK = "swe_hesnr"
_DEFAULT_SCOPES = ("action", "all")
_LABELS = {label.label_name: label for label in Label}


def run_of_tables(folder: Path) -> tuple[Run, ComparedRun]:
    """The run of a folder of token tables, with its own epsilon and scopes. All tables are read.

    Raises:
        InputError: a table cannot be read.
    """
    signature = table_signature(folder) or {}
    scopes = _scopes(signature)
    epsilon = epsilon_of(signature)
    tables = read_tables(folder, scopes, epsilon)
    measured = measure_tables(tables, "static", epsilon)
    results: dict[str, Any] = {}
    for scope, found in measured.items():
        results |= {f"{name},{scope}": value for name, value in found["measures"].items()}
        results |= {f"{name}_stderr,{scope}": value for name, value in found["stderr"].items()}
    compared = from_tables(tables, scopes, epsilon)
    config = {
        "signature": dict(compared.signature),
        "summary": {scope: found["summary"] for scope, found in measured.items()},
    }
    run = Run(folder.name, _TASK, results, config)
    return run, replace(compared, tables=replace(tables, profiles={}))  # profiles need much memory


def epsilon_of(signature: Mapping[str, Any]) -> float:
    """The threshold of a run, nats; the usual one if it does not say so."""
    own = signature.get("epsilon")
    return own if isinstance(own, float) else EPSILON


def _scopes(signature: Mapping[str, Any]) -> Scopes:
    """The scopes that the run had; the usual ones if it does not say so."""
    given = signature.get("scopes")
    scopes = {}
    for name, labels in given.items() if isinstance(given, dict) else ():
        if isinstance(labels, list) and labels and all(one in _LABELS for one in labels if isinstance(one, str)):
            scopes[str(name)] = frozenset(_LABELS[one] for one in labels if isinstance(one, str))
    return scopes or {name: SCOPES[name] for name in _DEFAULT_SCOPES}
