"""The tables and the picture of the experiment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from lab.page import table, with_interval
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
_BINS = 4
"""So many bins of the histogram are one point of the picture."""
_PARTS = ("total", "within", "entering", "leaving", "kept")


def verdict_table(found: Sequence[OfTraining], shuffled: Sequence[OfTraining]) -> str:
    """One line per training, one for all of them, and one for the control with a shuffled order."""
    rows = [
        [
            one.name, f"{one.rho:+.2f}", with_interval(one.rise),
            *(with_interval(one.excess[t], "+.2f") for t in TEMPERATURES),
            _percent(one.moved), one.choices, f"**{one.verdict}**",
        ]
        for one in found
    ]  # fmt: skip
    empty = [""] * (len(rows[0]) - 2)
    rows += [["together", *empty, f"**{together(found)}**"], ["shuffled order", *empty, f"**{together(shuffled)}**"]]
    heads = [
        "training", "rho", "rise of the share near ln 3", *(f"excess at ln 3, T = {t:g}" for t in TEMPERATURES),
        "change of (peak at ln 3 - peak at ln 4), % of tokens", "choices among four", "verdict",
    ]  # fmt: skip
    return table(heads, rows)


def _percent(found: Difference | None) -> str:
    return with_interval(found, scale=100)


def checkpoint_table(trainings: Sequence[Training]) -> str:
    """One row per checkpoint: measures, the share near ln 3, and the excess at each ln n, at temperature 1."""
    rows = []
    for one in trainings:
        for c, name in enumerate(names(one.name)):
            of = one.windows[1.0][c]
            values = ["", "", ""]
            if one.totals is not None:
                total = one.totals[c].sum(axis=0)
                known = None if one.calibrated is None else one.calibrated[c]
                values = [
                    f"{float(measure('ppl', total)):.2f}",
                    f"{float(measure('he_snr', total)):.4f}",
                    "N/A" if known is None else f"{known:.4f}",
                ]
            peaks = [with_interval(excess(of, n), "+.2f") for n in windows.ORDERS]
            rows.append([name, *values, f"{float(windows.share(of.sum(axis=0))):.3f}", *peaks])
    heads = ["checkpoint", "ppl", "he_snr", "calibrated he_snr", "share near ln 3"]
    return table([*heads, *(f"excess at ln {n}" for n in windows.ORDERS)], rows)


def temperature_table(trainings: Sequence[Training]) -> str:
    """The excess at ln 3 and ln 4 of the first and the last checkpoint, at each temperature."""
    rows = []
    for one in trainings:
        for c in (0, -1):
            cells = [with_interval(excess(one.windows[t][c], n), "+.2f") for n in (3, 4) for t in TEMPERATURES]
            rows.append([names(one.name)[c], *cells])
    heads = [f"ln {n}, T = {t:g}" for n in (3, 4) for t in TEMPERATURES]
    ties = [
        [names(one.name)[-1], *(_share_near(one.ties[t], size, size) for size in (3, 4) for t in TEMPERATURES)]
        for one in trainings
        if one.ties is not None
    ]
    return (
        f"{table(['checkpoint', *heads], rows)}\n\nKnown ties: the generated choices among three and four after "
        f"{LENGTHS[-1]} steps. Near their ln n, in %:\n\n{table(['checkpoint', *heads], ties)}"
    )


def _share_near(rows: np.ndarray, size: int, n: int) -> str:
    """The choices among `size` that are near ln n, in %."""
    total = rows.sum(axis=0)
    return f"{float(100 * of_pool(total, size, f'near{n}') / of_pool(total, size, 'choices')):.0f}"


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
                mean = float(of_pool(total, size, "entropy") / of_pool(total, size, "choices"))
                cells += [f"{mean:.3f}" if math.isfinite(mean) else "N/A", _share_near(texts, size, size)]
            rows.append([one.name, str(steps), *cells, _share_near(texts, 4, 3)])
    return (
        f"{table([*heads, 'pool of 4 near ln 3, %'], rows)}\n\nThe windows of a peak, on all of these choices "
        f"together: choices within {windows.HALF} of ln n, and how many their flanks let expect.\n\n"
        f"{_tie_table(trainings)}"
    )


def _tie_table(trainings: Sequence[Training]) -> str:
    """Whether the windows find a peak where there is one."""
    rows = []
    for one in trainings:
        if one.tie_windows is not None:
            for steps, found in zip(LENGTHS, one.tie_windows, strict=True):
                pairs = [(windows.found(found, n), windows.expected(found, n)) for n in (3, 4)]
                rows.append([one.name, str(steps), *(f"{float(a):.0f}, {float(b):.1f}" for a, b in pairs)])
    return table(["training", "steps", "ln 3: found, expected", "ln 4: found, expected"], rows)


def part_table(trainings: Sequence[Training]) -> str:
    """The difference of he_snr between two checkpoints: tokens that stay, enter and leave the decisions."""
    rows = []
    for one in trainings:
        if one.parts is None:
            continue
        every = names(one.name)
        for pair, of in zip([*pairwise(every), (every[0], every[-1])], one.parts, strict=True):
            found = decomposed(of)
            cells = [with_interval(found[part], "+.4f" if part != "kept" else ".2f") for part in _PARTS]
            rows.append([*pair, *cells])
    return table(["from", "to", *_PARTS], rows, n_left=2)


def move_table(trainings: Sequence[Training]) -> str:
    """From the first checkpoint to the last: where the tokens of each class went, in %, and how many there are then."""
    rows = []
    for one in trainings:
        if one.moves is not None:
            moves = one.moves.reshape(-1, len(windows.CLASSES))
            for name, row in zip(windows.CLASSES, moves, strict=True):
                cells = [f"{100 * n / row.sum():.1f}" if row.sum() else "N/A" for n in row]
                rows.append([one.name, name, f"{row.sum():.0f}", *cells])
            rows.append(
                [one.name, "all: so many tokens", f"{moves.sum():.0f}", *(f"{n:.0f}" for n in moves.sum(axis=0))]
            )
    heads = ["training", "in the first checkpoint", "tokens", *(f"then {name}, %" for name in windows.CLASSES)]
    return table(heads, rows, n_left=2)


def shuffled(trainings: Sequence[Training]) -> list[OfTraining]:
    """The control: the same checkpoints in an order that is no order of training."""
    return [of_training(one.in_order(SHUFFLED)) for one in trainings]


def drawing(trainings: Sequence[Training]) -> str:
    """Densities of the first training, the excess over training, and the entropies of generated choices."""
    first = trainings[0]
    ends = HISTOGRAM[::_BINS]
    middles = (ends[1:] + ends[:-1]) / 2
    densities = {}
    if first.histogram is not None:
        for c in (0, -1):
            tokens = first.histogram[c].reshape(-1, _BINS).sum(axis=1)
            share = tokens / first.windows[1.0][c][:, 0].sum() / np.diff(ends)
            densities[names(first.name)[c]] = [Point(float(x), float(y)) for x, y in zip(middles, share, strict=True)]
    peaks = {
        f"excess at ln {n}": [
            Point(percent, found.value, y_ends=found.interval)
            for one in trainings
            for percent, rows in zip(one.percents, one.windows[1.0], strict=True)
            if (found := excess(rows, n)) is not None
        ]
        for n in (3, 4)
    }
    pools = {
        f"pool of {size}": [
            Point(steps, mean)
            for one in trainings
            for steps, texts in zip(LENGTHS, one.choices, strict=True)
            for total in [texts.sum(axis=0)]
            if math.isfinite(mean := float(of_pool(total, size, "entropy") / of_pool(total, size, "choices")))
        ]
        for size in (3, 4)
    }
    return picture(
        "Entropies near ln 3 (1.099) and ln 4 (1.386)",
        [
            Panel(title=f"Entropies of {first.name}", x_label="entropy, nats", y_label="density", series=densities),
            Panel(
                title="Peaks of all trainings",
                x_label="percent of training",
                y_label="excess over the flanks",
                series=peaks,
            ),
            Panel(
                title="Generated choices, all trainings", x_label="steps", y_label="mean entropy, nats", series=pools
            ),
        ],
    )
