"""A comparison of runs as plain data, for JSON and CSV."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lm_eval_hesnr.metrics.bootstrap import Difference
from lm_eval_hesnr.metrics.calibration import CALIBRATED
from lm_eval_hesnr.metrics.estimates import Estimate
from lm_eval_hesnr.results.compare.comparison import Comparison
from lm_eval_hesnr.results.compare.pair import HEADLINE
from lm_eval_hesnr.results.compare.verdict import Verdict
from lm_eval_hesnr.results.csv_text import csv_text

Parts = Mapping[str, Mapping[str, Difference | None]]
"""Run to the parts of its difference from the baseline."""


def comparison_data(found: Comparison) -> dict[str, Any]:
    """The comparison for JSON: the runs in their order, the verdicts, and the choice. Missing numbers are None."""
    return {
        "baseline": found.baseline.name,
        "set_of": found.baseline.signature.get("set_of"),
        "runs": [
            {
                "name": run.name,
                "source": str(run.source),
                "model": run.model,
                "trajectories": len(run.ids),
                "measures": {name: one._asdict() for name, one in found.values[run.name].items()},
            }
            for run in found.runs
        ],
        "verdicts": [_verdict(found.verdicts[run.name]) for run in found.runs if run.name in found.verdicts],
        "rivals": [_verdict(verdict) | {"baseline": verdict.baseline} for verdict in found.rivals],
        "choice": {
            "take": list(found.choice.take),
            "highest": found.choice.highest,
            "not_distinguishable": list(found.choice.as_good),
            "not_considered": dict(found.choice.not_considered),
            "sentences": list(found.choice.sentences),
        },
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "run": verdict.run,
        "verdict": verdict.kind,
        "reason": verdict.reason,
        "p_value_after_holm": verdict.p_value,
        "least_p_value_after_holm": verdict.least_p,
        "comparisons": verdict.comparisons,
        "sentence": verdict.sentence,
        "cautions": list(verdict.cautions),
        "differences": parts_data(verdict.differences),
    }


def parts_data(found: Mapping[str, Difference | None]) -> dict[str, dict[str, Any] | None]:
    """Differences by name, for JSON."""
    return {name: None if one is None else one._asdict() for name, one in found.items()}


def comparison_csv(comparisons: Iterable[Comparison], parts: Mapping[str, Parts] | None = None) -> str:
    """One row per scope and run: every measure with its interval, and the difference from the baseline.

    Args:
        comparisons: one per scope.
        parts: for each scope, the parts of the differences.
    """
    rows: list[dict[str, Any]] = []
    for found in comparisons:
        for run in found.runs:
            row = {
                "scope": found.scope, "run": run.name, "model": run.model, "trajectories": len(run.ids),
                "set_of": run.signature.get("set_of"), **_estimates(found.values[run.name]),
                "baseline": found.baseline.name,
            }  # fmt: skip
            if verdict := found.verdicts.get(run.name):
                row |= _spread(f"{HEADLINE}_difference", verdict.differences.get(HEADLINE))
                if CALIBRATED in verdict.differences:
                    row |= _spread(f"{CALIBRATED}_difference", verdict.differences[CALIBRATED])
                row |= {"p_value_after_holm": verdict.p_value, "verdict": verdict.kind, "sentence": verdict.sentence}
            for name, one in (parts or {}).get(found.scope, {}).get(run.name, {}).items():
                row |= _spread(name, one)
            rows.append(row)
    return csv_text(rows)


def _estimates(values: Mapping[str, Estimate]) -> dict[str, Any]:
    cells: dict[str, Any] = {}
    for name, (value, stderr, interval) in values.items():
        low, high = interval or (None, None)
        cells |= {name: value, f"{name}_stderr": stderr, f"{name}_low": low, f"{name}_high": high}
    return cells


def _spread(name: str, found: Difference | None) -> dict[str, Any]:
    value, interval, p_value = found or (None, None, None)
    low, high = interval or (None, None)
    return {name: value, f"{name}_low": low, f"{name}_high": high, f"{name}_p_value": p_value}
