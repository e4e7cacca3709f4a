"""What `hesnr measure` prints: lines of plain text, or JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from lm_eval_hesnr.metrics.bootstrap import Difference
from lm_eval_hesnr.metrics.estimates import Estimate
from lm_eval_hesnr.results.token_tables import Tables

_HEADINGS = ("scope", "measure", "value", "stderr", "95 % interval")


def measures_table(run: Tables, told: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A line a measure, after a line on the run and the threshold of each scope."""
    rows = []
    thresholds = []
    for scope, found in told.items():
        epsilon = found["summary"]["epsilon"]
        thresholds.append(f"{scope} {'none found' if epsilon is None else f'{epsilon:.6f}'}")
        for name, value in found["measures"].items():
            spread = found["summary"]["intervals"][name]
            rows.append((scope, name, _number(value), _number(found["stderr"][name]), _interval(spread)))
    head = (
        f"{run.folder}: {len(run.names)} trajectories by {run.signature.get('model')}; epsilon: {', '.join(thresholds)}"
    )
    return [head, *_aligned(_HEADINGS, rows)]


def scopes_table(scopes: Mapping[str, Mapping[str, Estimate]]) -> list[str]:
    """A line a scope, in the order given, with the measures that the paper's ablation is about."""
    rows = []
    for scope, found in scopes.items():
        error = found["he_snr"].stderr
        he_snr = _number(found["he_snr"].value) + ("" if error is None else f" ± {error:.4f}")
        decisions = found["decisions"].value
        others = [_number(found[name].value) for name in ("he_ppl", "ppl", "topk_acc")]
        rows.append((scope, he_snr, *others, "N/A" if decisions is None else f"{decisions:.0f}"))
    return _aligned(("scope", "he_snr", "he_ppl", "ppl", "topk_acc", "decisions"), rows)


def differences_table(a: Tables, b: Tables, differences: Mapping[str, Mapping[str, Difference | None]]) -> list[str]:
    """A line a measure: B minus A, paired by trajectory."""
    rows = []
    for scope, found in differences.items():
        for name, difference in found.items():
            value, spread, p_value = difference or (None, None, None)
            rows.append((scope, name, _number(value), _interval(spread), _number(p_value)))
    models = f"B = {b.folder} ({b.signature.get('model')}) minus A = {a.folder} ({a.signature.get('model')})"
    return [
        f"{models}, paired over {len(a.names)} trajectories",
        *_aligned(("scope", "measure", "B - A", "95 % interval", "p"), rows),
    ]


def differences_json(differences: Mapping[str, Mapping[str, Difference | None]]) -> str:
    """The same as JSON; null where there is no number."""
    return json.dumps(
        {
            scope: {name: None if found is None else found._asdict() for name, found in row.items()}
            for scope, row in differences.items()
        },
        indent=2,
    )


def _aligned(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in (headings, *rows)) for i in range(len(headings))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (headings, *rows)
    ]


def _number(value: float | None) -> str:
    return "N/A" if value is None else f"{value:.4f}"


def _interval(spread: Sequence[float] | None) -> str:
    return "N/A" if spread is None else f"{spread[0]:.4f} to {spread[1]:.4f}"
