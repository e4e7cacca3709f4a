"""What readers of the readings asked for after the criteria were fixed. It changes no verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from lab.before_after import SET_COLUMNS
from lab.context.plan import LONG, SHORT
from lab.context.study import FAR, NEAR, TASKS, Point, Solved
from lab.context.tables import CLOSE, percent_cell
from lab.page import rho_cell, table
from lm_eval_hesnr.metrics.bootstrap import Difference, Sample, difference

_ROUNDING = 1e-4
"""Smaller relative changes are none: they come from rounding."""
_MOVES = (
    f"clearly worse, by more than {CLOSE:g} %",
    f"clearly worse, by up to {CLOSE:g} %",
    "no clear change",
    "clearly better",
)


def agreement_table(found: Sequence[Point]) -> str:
    """How often a clear change of ppl goes with one of he_snr, over all checkpoints and both windows."""
    signs: dict[str, Counter[int]] = {name: Counter() for name in _MOVES}
    for point in found:
        for window in (SHORT, LONG):
            if point.extension is None and window == SHORT:
                continue  # all changes are from this one
            ppl, he_snr = (point.changes[window][name] for name in ("ppl", "total"))
            signs[_move(ppl)][_sign(he_snr)] += 1
    rows = [[name, *(str(counts[sign]) for sign in (-1, 0, 1))] for name, counts in signs.items()]
    return table(["ppl", "HE-SNR clearly lower", "no clear change", "clearly higher"], rows)


def _move(ppl: Difference | None) -> str:
    worse_much, worse, none, better = _MOVES
    if ppl is None or not (sign := _sign(ppl)):
        return none
    return better if sign < 0 else worse_much if 100 * ppl.value > CLOSE else worse


def _sign(change: Difference | None) -> int:
    """1 if the interval is above 0, -1 if it is below, else 0."""
    if change is None or change.interval is None or abs(change.value) < _ROUNDING:
        return 0
    return int(change.interval.low > 0) - int(change.interval.high < 0)


def loss_tables(found: Sequence[Point], floor: Solved) -> str:
    """The loss of the right actions after fine-tuning, and how the measures before it order this loss.

    Args:
        found: all checkpoints.
        floor: random weights, for scale.
    """
    heads = ["checkpoint"]
    for kind in TASKS:
        heads += [f"loss {kind}", "change", f"pass@1 {kind}"]
    rows = []
    for one in [*(point.solved for point in found), floor]:
        cells = []
        for kind in TASKS:
            cells += [f"{mean_loss(one, kind):.3f}", percent_cell(loss_change(one, kind)),
                      f"{100 * one.passed[kind].after:.1f} %"]  # fmt: skip
        rows.append(["random weights" if one is floor else one.name, *cells])
    return f"{table(heads, rows)}\n\n{_orders(found)}"


def decision_table(found: Sequence[Point]) -> str:
    """How many decisions there are, he_ppl, and HE-SNR on the decisions of the checkpoint as it is."""
    heads = ["checkpoint"]
    for window in (SHORT, LONG):
        names = ("share of decisions", "he_ppl", "top-1 on the set", "p / entropy on the set")
        heads += [f"{name}, {window}" for name in names]
    rows = []
    for point in found:
        cells = []
        for window in (SHORT, LONG):
            tokens, top1, snr = (
                point.windows[window].on_set[:, SET_COLUMNS.index(name)].sum() for name in ("tokens", "rank_1", "snr")
            )  # fmt: skip
            cells += [f"{point.value('decision_rate', window):.3f}", f"{point.value('he_ppl', window):.2f}",
                      f"{top1 / tokens:.3f}", f"{snr / tokens:.4f}"]  # fmt: skip
        rows.append([point.name, *cells])
    return table(heads, rows)


def mean_loss(one: Solved, kind: str) -> float:
    """The loss of the right actions, nats per token."""
    _, after, tokens = one.losses[kind].sum(axis=0)
    return float(after / tokens)


def loss_change(one: Solved, kind: str) -> Difference | None:
    """The relative change of the loss from the checkpoint as it is, paired by task."""
    sample = Sample.of(one.losses[kind])

    def _of(sums: np.ndarray) -> np.ndarray:
        return np.asarray(sums[..., 1] / sums[..., 0] - 1)

    values = None if sample.sums is None else _of(sample.sums)
    return difference(_of(sample.rows.sum(axis=0)), values, [sample.rows[:, 2]])


def _orders(found: Sequence[Point]) -> str:
    """Spearman's rho over the extended checkpoints."""
    some = [point for point in found if point.extension]
    outcomes: dict[str, Callable[[Point], float]] = {
        f"loss {NEAR}": lambda point: mean_loss(point.solved, NEAR),
        f"loss {FAR}": lambda point: mean_loss(point.solved, FAR),
        f"pass@1 {NEAR}": lambda point: point.solved.passed[NEAR].after,
        f"pass@1 {FAR}": lambda point: point.solved.passed[FAR].after,
    }
    rows = []
    for window in (SHORT, LONG):
        for label, name in (("ppl", "ppl"), ("HE-SNR", "he_snr"), ("calibrated HE-SNR", None)):
            x = [_measured(point, name, window) for point in some]
            cells = [rho_cell(x, [of(point) for point in some]) for of in outcomes.values()]
            rows.append([f"{label}, {window}", *cells])
    return table(["before fine-tuning, and its window", *outcomes], rows)


def _measured(point: Point, name: str | None, window: int) -> float:
    if name is not None:
        return point.value(name, window)
    calibrated = point.windows[window].calibrated
    return np.nan if calibrated is None else calibrated
