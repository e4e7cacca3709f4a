"""The tables and the picture of the experiment."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lab.page import table
from lab.picture import Panel, Point, picture
from lab.shift import windows
from lab.shift.from_readings import Training
from lab.shift.layout import HISTOGRAM, of_pool
from lab.shift.plan import LENGTHS, POOLS, TEMPERATURES, names
from lab.shift.verdicts import OfTraining, excess, of_training, together
from lm_eval_hesnr.metrics.bootstrap import Difference
from lm_eval_hesnr.metrics.decomposition import decomposed
from lm_eval_hesnr.metrics.measures import measure

SHUFFLED = (3, 0, 5, 1, 4, 2)
"""The order of the control, in which no shift may be found."""
_PARTS = ("total", "within", "entering", "leaving", "kept")


def interval_text(found: Difference | None, digits: str = "+.3f") -> str:
    """A value with its 95 % interval."""
    if found is None:
        return "N/A"
    ends = "" if found.interval is None else f" ({found.interval.low:{digits}} to {found.interval.high:{digits}})"
    return f"{found.value:{digits}}{ends}"


def verdict_table(found: Sequence[OfTraining], shuffled: Sequence[OfTraining]) -> str:
    """One line per training, one for all of them, and one for the control with a shuffled order."""
    rows = [
        [
            one.name, f"{one.rho:+.2f}", interval_text(one.rise),
            *(interval_text(one.excess[t], "+.2f") for t in TEMPERATURES),
            _percent(one.moved), one.choices, f"**{one.verdict}**",
        ]
        for one in found
    ]  # fmt: skip
    empty = [""] * (len(rows[0]) - 2)
    rows += [["together", *empty, f"**{together(found)}**"], ["shuffled order", *empty, f"**{together(shuffled)}**"]]
    heads = [
        "training", "rho", "rise of the share near ln 3", *(f"excess at ln 3, T = {t:g}" for t in TEMPERATURES),
        "peak ln 3 - peak ln 4, %", "choices among four", "verdict",
    ]  # fmt: skip
    return table(heads, rows)


def _percent(found: Difference | None) -> str:
    if found is None:
        return "N/A"
    interval = found.interval and type(found.interval)(*(100 * end for end in found.interval))
    return interval_text(found._replace(value=100 * found.value, interval=interval))


def checkpoint_table(trainings: Sequence[Training]) -> str:
    """One row per checkpoint: measures, the share near ln 3, and the excess at each ln n, at temperature 1."""
    rows = []
    for one in trainings:
        for c, name in enumerate(names(one.name)):
            of = one.windows[1.0][c]
            values = ["", ""]
            if one.totals is not None:
                total = one.totals[c].sum(axis=0)
                values = [f"{float(measure('ppl', total)):.2f}", f"{float(measure('he_snr', total)):.4f}"]
            peaks = [interval_text(excess(of, n), "+.2f") for n in windows.ORDERS]
            rows.append([name, *values, f"{float(windows.share(of.sum(axis=0))):.3f}", *peaks])
    return table(
        ["checkpoint", "ppl", "he_snr", "share near ln 3", *(f"excess at ln {n}" for n in windows.ORDERS)], rows
    )


def temperature_table(trainings: Sequence[Training]) -> str:
    """The excess at ln 3 and ln 4 of the first and the last checkpoint, at each temperature."""
    rows = []
    for one in trainings:
        for c in (0, -1):
            cells = [interval_text(excess(one.windows[t][c], n), "+.2f") for n in (3, 4) for t in TEMPERATURES]
            rows.append([names(one.name)[c], *cells])
    return table(["checkpoint", *(f"ln {n}, T = {t:g}" for n in (3, 4) for t in TEMPERATURES)], rows)


def choice_table(trainings: Sequence[Training]) -> str:
    """For each length of fine-tuning and size of the pool: mean entropy, and how many are near which ln n, in %."""
    heads = ["training", "steps"]
    for size in POOLS:
        heads += [f"pool of {size}: entropy (ln {size} = {math.log(size):.3f})", "near it, %"]
    rows = []
    for one in trainings:
        for steps, texts in zip(LENGTHS, one.choices, strict=True):
            total = texts.sum(axis=0)
            cells = []
            for size in POOLS:
                n = of_pool(total, size, "choices")
                near = 100 * of_pool(total, size, f"near{size}") / n
                cells += [f"{float(of_pool(total, size, 'entropy') / n):.3f}", f"{float(near):.0f}"]
            at_three = 100 * of_pool(total, 4, "near3") / of_pool(total, 4, "choices")
            rows.append([one.name, str(steps), *cells, f"{float(at_three):.0f}"])
    return table([*heads, "pool of 4 near ln 3, %"], rows)


def part_table(trainings: Sequence[Training]) -> str:
    """The difference of he_snr between consecutive checkpoints: tokens that stay, enter and leave the decisions."""
    rows = []
    for one in trainings:
        for c, of in enumerate([] if one.parts is None else one.parts):
            found = decomposed(of)
            cells = [interval_text(found[part], "+.4f" if part != "kept" else ".2f") for part in _PARTS]
            rows.append([names(one.name)[c], names(one.name)[c + 1], *cells])
    return table(["from", "to", *_PARTS], rows, n_left=2)


def shuffled(trainings: Sequence[Training]) -> list[OfTraining]:
    """The control: the same checkpoints in an order that is no order of training."""
    return [of_training(one.in_order(SHUFFLED)) for one in trainings]


def drawing(trainings: Sequence[Training]) -> str:
    """Densities of the first training, the excess over training, and the entropies of generated choices."""
    first = trainings[0]
    middles = (HISTOGRAM[1:] + HISTOGRAM[:-1]) / 2
    densities = {}
    if first.histogram is not None:
        for c in (0, -1):
            share = first.histogram[c] / first.windows[1.0][c][:, 0].sum() / np.diff(HISTOGRAM)
            densities[names(first.name)[c]] = [Point(float(x), float(y)) for x, y in zip(middles, share, strict=True)]
    peaks = {
        f"excess at ln {n}": [
            Point(percent, found.value, y_error=_half(found))
            for one in trainings
            for percent, rows in zip(one.percents, one.windows[1.0], strict=True)
            if (found := excess(rows, n)) is not None
        ]
        for n in (3, 4)
    }
    pools = {
        f"pool of {size}": [
            Point(steps, float(of_pool(total, size, "entropy") / of_pool(total, size, "choices")))
            for one in trainings
            for steps, texts in zip(LENGTHS, one.choices, strict=True)
            for total in [texts.sum(axis=0)]
        ]
        for size in (3, 4)
    }
    return picture(
        "Entropies near ln 3 (1.099) and ln 4 (1.386)",
        [
            Panel(title=f"Entropies of {first.name}", x_label="entropy, nats", y_label="density", series=densities),
            Panel(title="Peaks", x_label="percent of training", y_label="excess over the flanks", series=peaks),
            Panel(title="Generated choices", x_label="steps", y_label="mean entropy, nats", series=pools),
        ],
    )


def _half(found: Difference) -> float:
    return 0.0 if found.interval is None else (found.interval.high - found.interval.low) / 2
