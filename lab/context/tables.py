"""The sentence, the tables and the picture of the experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lab.before_after import RANKS
from lab.context.layout import KEYS
from lab.context.plan import BINS, LONG, SHORT
from lab.context.study import FAR, NEAR, TASKS, Point
from lab.page import table, with_interval
from lab.picture import Panel, picture
from lab.picture import Point as Dot
from lm_eval_hesnr.metrics.bootstrap import Difference
from lm_eval_hesnr.metrics.decomposition import PARTS
from lm_eval_hesnr.metrics.measures import measure

CLOSE = 20.0
"""Percent. Checkpoints whose ppl changes by less have a row of panels of their own: the first row is crowded."""
_PARTS = [name for name in PARTS if name != "kept"]


def sentence(spikes: Mapping[str, Point], answer: str) -> str:
    """The finding in one sentence, for the list of all claims."""
    found = "; ".join(
        f"{scaling} at its highest perplexity ({_steps(point)}): {point.verdict().verdict} ({point.verdict().reason})"
        for scaling, point in spikes.items()
    )
    return f"**{answer[0].upper()}{answer[1:]}.** {found}."


def verdict_table(spikes: Mapping[str, Point]) -> str:
    """One row per scaling: the checkpoint with the highest perplexity."""
    rows = [
        [scaling, _steps(point), *_evidence(point), f"**{point.verdict().verdict}**", point.verdict().reason]
        for scaling, point in spikes.items()
    ]
    heads = ["scaling", "highest ppl after", "ppl", "HE-SNR", "within", "pass@1 near", "pass@1 far", "verdict", "why"]
    return table(heads, rows, n_left=2)


def _steps(point: Point) -> str:
    return "" if point.extension is None else f"{point.extension.steps} steps"


def _evidence(point: Point) -> list[str]:
    changes = point.changes[LONG]
    return [
        *(percent_cell(changes[name]) for name in ("ppl", "total", "within")),
        *(percent_cell(point.solved.passed[kind].change, "points") for kind in TASKS),
    ]


def percent_cell(found: Difference | None, unit: str = "%") -> str:
    """A change in percent or points, with its interval."""
    return with_interval(found, "+.1f", scale=100, unit=f" {unit}")


def point_table(found: Sequence[Point], window: int) -> str:
    """One row per checkpoint: values with one window, solved tasks, and the verdict."""
    heads = ["checkpoint", "ppl", "change", "HE-SNR", "change", "calibrated", "change", "mass of 10", "pass@1 near",
             "pass@1 far", "verdict"]  # fmt: skip
    rows = []
    for point in found:
        changes, calibrated = point.changes[window], point.windows[window].calibrated
        rows.append([
            point.name,
            f"{point.value('ppl', window):.2f}", percent_cell(changes["ppl"]),
            f"{point.value('he_snr', window):.4f}", percent_cell(changes["total"]),
            "N/A" if calibrated is None else f"{calibrated:.4f}", percent_cell(changes["calibrated"]),
            f"{point.value('mean_top_mass', window):.3f}",
            *(f"{100 * point.solved.passed[kind].after:.1f} %" for kind in TASKS),
            point.verdict(window).verdict,
        ])  # fmt: skip
    return table(heads, rows)


def parts_table(found: Sequence[Point]) -> str:
    """One row per checkpoint: the parts of the change of HE-SNR, in percent of HE-SNR before."""
    heads = ["checkpoint", *(f"{name}, {window}" for window in (SHORT, LONG) for name in _PARTS)]
    rows = [
        [point.name, *(percent_cell(point.changes[window][name]) for window in (SHORT, LONG) for name in _PARTS)]
        for point in found
    ]
    return table(heads, rows)


def candidate_table(found: Sequence[Point]) -> str:
    """One row per checkpoint: how often the true token is among the k most likely ones, with the long window."""
    rows = []
    for point in found:
        shares = point.windows[LONG].ranks.sum(axis=0) / point.windows[LONG].totals.sum(axis=0)[0]
        beyond = 1 - shares[RANKS.index(10)]
        change, mass = point.changes[LONG]["topk_acc"], point.value("mean_top_mass", LONG)
        shown = [*(f"{share:.3f}" for share in shares), percent_cell(change), f"{100 * beyond:.1f} %", f"{mass:.3f}"]
        rows.append([point.name, *shown])
    heads = ["checkpoint", *(f"k = {k}" for k in RANKS), "change, k = 10", "rank above 10", "mass of 10"]
    return table(heads, rows)


def position_table(found: Sequence[Point]) -> str:
    """One row per checkpoint: perplexity and HE-SNR with both windows, by the context that the long window gives."""
    names = [f"{first} to {last}" for first, last in BINS]
    heads = ["checkpoint", *(f"{name} {window}, {some}" for some in names for name in ("ppl", "HE-SNR")
                             for window in (SHORT, LONG))]  # fmt: skip
    rows = [
        [
            point.name,
            *(
                f"{measure(name, point.windows[window].bins[i][0]):.{digits}f}"
                for i in range(len(BINS))
                for name, digits in (("ppl", 2), ("he_snr", 4))
                for window in (SHORT, LONG)
            ),
        ]
        for point in found
    ]
    n_tokens = [f"{found[0].windows[LONG].bins[i][0][0]:,.0f}" for i in range(len(BINS))]
    return f"Tokens of actions: {', '.join(n_tokens)}.\n\n{table(heads, rows)}"


def key_table(found: Sequence[Point]) -> str:
    """One row per checkpoint: tokens that the long window makes clearly better or clearly worse."""
    rows = []
    for point in found:
        n_tokens = point.windows[LONG].totals.sum(axis=0)[0]
        counts = point.keys.sum(axis=0)
        rows.append([
            point.name, *(f"{count:,.0f} ({1000 * count / n_tokens:.1f} per 1000)" for count in counts),
        ])  # fmt: skip
    return table(["checkpoint", *KEYS], rows)


def scatter(found: Sequence[Point]) -> str:
    """The change of HE-SNR and of pass@1 against that of perplexity; bars are 95 % intervals."""
    panels = [
        Panel(
            title=f"{title}{more}",
            x_label=f"change of ppl, percent (window {LONG}; left: better)",
            y_label=label,
            series=_series(found, name, below),
            zero=True,
        )
        for more, below, kind, solved in (
            ("", np.inf, NEAR, "without padding"),
            (f", ppl within {CLOSE:g} %", CLOSE, FAR, "far from the report"),
        )
        for title, label, name in (
            ("HE-SNR", "change of HE-SNR, percent", "total"),
            ("Solved tasks", f"change of pass@1 {solved}, points", kind),
        )
    ]
    return picture("Context extension: perplexity, HE-SNR, solved tasks", panels, per_row=2)


def _series(found: Sequence[Point], name: str, below: float) -> dict[str, list[Dot]]:
    """The points of a panel by scaling, without those whose perplexity changes by more."""
    series: dict[str, list[Dot]] = {}
    for point in found:
        changes = point.changes[LONG]
        y = point.solved.passed[name].change if name in point.solved.passed else changes[name]
        (x, x_ends), (y_value, y_ends) = _bar(changes["ppl"]), _bar(y)
        if np.isfinite([x, y_value]).all() and abs(x) < below:
            label = point.extension.scaling if point.extension else "as it is"
            steps = str(point.extension.steps) if point.extension and below < np.inf else ""
            series.setdefault(label, []).append(Dot(x, y_value, name=steps, x_ends=x_ends, y_ends=y_ends))
    return series


def _bar(found: Difference | None) -> tuple[float, tuple[float, float] | None]:
    """The value and both ends of its interval, in percent."""
    if found is None:
        return float("nan"), None
    interval = found.interval
    return 100 * found.value, interval and (100 * interval.low, 100 * interval.high)
