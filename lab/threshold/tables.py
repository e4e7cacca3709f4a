"""The tables and the picture of the experiment."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lab.page import table, with_interval
from lab.picture import Panel, Point, picture
from lab.predict.tables import APART
from lab.threshold.from_readings import Candidate, Thresholds
from lab.threshold.grid import ADAPTIVE, GRID, KS, PLATEAU, K
from lab.threshold.verdicts import Found
from lm_eval_hesnr.metrics.bootstrap import Difference, Interval
from lm_eval_hesnr.metrics.correlation.decisions import decisions
from lm_eval_hesnr.metrics.correlation.one_measure import kendall
from lm_eval_hesnr.metrics.correlation.two_measures import correlation
from lm_eval_hesnr.metrics.edges import EPSILON
from lm_eval_hesnr.results.correlate.points import Predictor

_EVERY = 3
"""The page shows one of so many static thresholds; the data has all of them."""
_NAMES = {EPSILON: " (default)", PLATEAU[0]: " (ln 2)", PLATEAU[1]: " (ln 5)"}


def numbers_of(study: Thresholds, found: Found, one: Predictor) -> dict[str, float | None]:
    """What one measure says about the outcome; None where a checkpoint has no value."""
    keys = ("r", "tau", "decision_accuracy", "r_without_step", "p_value", "max_p_value", "r_apart")
    if one.missing(study.study.points.names) is not None:
        return dict.fromkeys(keys)
    y = study.study.points.y
    first = float(correlation(one.x, y)), kendall(one.x, y), decisions(one.x, y).accuracy
    swap = found.swaps.by_label.get(one.label, (None, None, None))
    rest = np.array(study.study.points.families) != APART
    return dict(zip(keys, (*first, *swap, float(correlation(one.x[rest], y[rest]))), strict=True))


def all_numbers(study: Thresholds, found: Found) -> list[dict[str, Any]]:
    """One entry per threshold and k."""
    return [
        {
            "k": one.k,
            "method": one.method,
            "epsilon": one.epsilon if one.method == "static" else None,
            "reliability": one.reliability,
            **numbers_of(study, found, one.predictor),
        }
        for one in study.candidates
    ]


def verdict_table(found: Found) -> str:
    """One line per question."""
    differences = [one for one in found.plateau.values() if one is not None]
    worst = max(differences, key=lambda one: abs(one.difference), default=None)
    best = [one.test for one in found.adaptive if one.test is not None]
    largest = max(best, key=lambda one: one.difference, default=None)
    nested = found.nested
    rows = [
        ["Is ln 2 to ln 5 a plateau?", found.verdicts["plateau"], "largest difference of r to the default",
         "N/A" if worst is None else _cell(worst.difference, worst.interval)],
        ["Is an adaptive threshold better?", found.verdicts["adaptive"], "largest gain of r over the default",
         "N/A" if largest is None else _cell(largest.difference, largest.interval)],
        ["Is a chosen threshold better in a new training?", found.verdicts["choice"], "gain of the error, logits",
         "N/A" if nested is None else _cell(nested.gain, nested.interval)],
    ]  # fmt: skip
    return table(["question", "verdict", "number", "value"], [[a, f"**{b}**", c, d] for a, b, c, d in rows], n_left=4)


def static_table(study: Thresholds, found: Found) -> str:
    """Static thresholds with the default k, and r with the other two."""
    shown = sorted({*GRID[::_EVERY], *PLATEAU, EPSILON})
    by_k = {k: {one.epsilon: one for one in study.static(k)} for k in KS}
    rows = []
    for epsilon in shown:
        numbers = {k: numbers_of(study, found, by_k[k][epsilon].predictor) for k in KS}
        one, default = by_k[K][epsilon], numbers[K]
        rows.append([
            f"{epsilon:.3f}{_NAMES.get(epsilon, '')}",
            *(_text(default[key]) for key in ("r", "tau", "decision_accuracy", "r_without_step", "p_value",
                                              "max_p_value")),
            *(_text(numbers[k]["r"]) for k in KS if k != K), *(_text(numbers[k]["r_apart"]) for k in KS),
            _fewest(one), _text(one.reliability),
        ])  # fmt: skip
    heads = ["epsilon", "r", "tau", "decision accuracy", "r without step", "p", "p after the search",
             *(f"r, k = {k}" for k in KS if k != K), *(f"r without `{APART}`, k = {k}" for k in KS),
             "fewest decisions", "reliability"]  # fmt: skip
    low, high = found.argmax_interval
    return (
        f"{table(heads, rows)}\n\nLargest r: epsilon = {found.argmax:.3f}; 95 % interval of this place, by resampled "
        f"trainings and outcomes: {low:.3f} to {high:.3f}."
    )


def adaptive_table(study: Thresholds, found: Found) -> str:
    """Adaptive thresholds, for each k; and the paired difference of those that are tested."""
    tested = {one.label: one for one in found.adaptive}
    rows = []
    for k in KS:
        for method in ADAPTIVE:
            one = next(one for one in study.candidates if (one.k, one.method) == (k, method))
            numbers = numbers_of(study, found, one.predictor)
            difference = tested.get(one.predictor.label)
            cell = "" if difference is None else "N/A"
            if difference is not None and difference.test is not None and difference.p_value is not None:
                test = difference.test
                cell = f"{_cell(test.difference, test.interval)}, p = {difference.p_value:.3f}"
            rows.append([
                method, str(k), _range(one), str(int(np.isnan(one.predictor.values).sum())),
                *(_text(numbers[key]) for key in ("r", "r_apart", "tau", "decision_accuracy", "max_p_value")),
                _text(one.reliability), cell,
            ])  # fmt: skip
    heads = ["threshold", "k", "epsilon over checkpoints", "checkpoints without", "r", f"r without `{APART}`", "tau",
             "decision accuracy", "p after the search", "reliability", "r minus that of the default"]  # fmt: skip
    return table(heads, rows)


def nested_table(study: Thresholds, found: Found) -> str:
    """For each training left out: the threshold that was chosen on the others, and the errors."""
    if found.nested is None or found.of_ppl is None:
        return "Not defined: a prediction has too few checkpoints, or a measure has no value."
    static = [one for one in study.static() if study.is_usable(one)]
    both = zip(found.nested.families, found.nested.chosen, found.nested.errors, found.nested.fixed, found.of_ppl.fixed,
               strict=True)  # fmt: skip
    rows = [
        [family, f"{static[i].epsilon:.3f}", *(f"{one:.3f}" for one in errors)] for family, i, *errors in both
    ]  # fmt: skip
    heads = ["training left out", "epsilon chosen on the others", "error with it", "error of the default",
             "error of ln ppl"]  # fmt: skip
    return f"{table(heads, rows)}\n\nErrors are root mean squares, in logits of the pass rate."


def drawing(study: Thresholds, found: Found) -> str:
    """R against epsilon for each k; and the difference to the default in the range of the claim."""
    series = {}
    for k in KS:
        of_k = [(one.epsilon, numbers_of(study, found, one.predictor)["r"]) for one in study.static(k)]
        series[f"k = {k}"] = [Point(epsilon, r) for epsilon, r in of_k if r is not None]
    differences = [Point(epsilon, one.difference, y_ends=one.interval) for epsilon, one in found.plateau.items() if one]
    low, high = PLATEAU
    panels = [
        Panel(title="r with the outcome", x_label="epsilon, nats", y_label="Pearson's r", series=series),
        Panel(
            title="r minus that of the default",
            x_label=f"epsilon, nats, from ln 2 = {low:.3f} to ln 5 = {high:.3f}",
            y_label="difference of r, k = 10",
            series={"k = 10": differences},
        ),
    ]
    return picture("Where decisions begin, and how well HE-SNR predicts", [one for one in panels if any(
        one.series.values())])  # fmt: skip


def _cell(value: float, interval: Interval) -> str:
    return with_interval(Difference(value, interval, None))


def _text(value: float | None) -> str:
    return "N/A" if value is None or math.isnan(value) else f"{value:.3f}"


def _fewest(one: Candidate) -> str:
    """Over the checkpoints."""
    return "N/A" if one.decisions is None else f"{one.decisions.min():.0f}"


def _range(one: Candidate) -> str:
    known = one.epsilons[np.isfinite(one.epsilons)]
    return f"{known.min():.2f} to {known.max():.2f}" if len(known) else "N/A"
