"""The tables and the picture of the experiment."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.interventions.changes import TITLES, UNCHANGED
from lab.page import table
from lab.picture import Panel, Point, picture
from lab.theory.differences import CHANGES, Row
from lab.theory.theorems import AFTER, BEFORE, TRUTH, expected, of_equal, removal, spike, upper_bound
from lm_eval_hesnr.metrics.bootstrap import Difference
from lm_eval_hesnr.metrics.temperatures import INVERSE_TEMPERATURES


def theorem_table() -> str:
    """What follows from the formula alone."""
    (honest, loss), (wrong, wrong_loss) = expected(TRUTH), expected(spike())
    removed = [removal(n) for n in (0, 50, 100)]
    rows = [
        ["largest p / entropy for k = 5, 10, 20, 50", _numbers([upper_bound(k)[1] for k in (5, 10, 20, 50)])],
        ["p / entropy of 4, 5, 6, 8, 10 equal candidates", _numbers([of_equal(n) for n in (4, 5, 6, 8, 10)])],
        ["removal: 0, 50, 100 of 100 choices among four become choices among three; he_snr", _numbers([
            model.he_snr for model in removed])],
        ["the same; ppl", _numbers([model.ppl for model in removed], 3)],
        ["not monotone: both true tokens become more likely; he_snr before and after", _numbers([
            BEFORE.he_snr, AFTER.he_snr])],
        ["the same; ppl", _numbers([BEFORE.ppl, AFTER.ppl], 3)],
        ["not proper: expected p / entropy with the true and with wrong probabilities", _numbers([honest, wrong])],
        ["the same; expected loss, nats", _numbers([loss, wrong_loss], 3)],
    ]  # fmt: skip
    return table(["what", "numbers"], rows)


def _numbers(values: Sequence[float], decimals: int = 4) -> str:
    return ", ".join(f"{value:.{decimals}f}" for value in values)


def change_table(reading: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """Each measure of the unchanged model, and its paired difference under every change with its 95 % interval."""
    lines = [
        [row.name, "" if row.value is None else _value(row.value), *(_cell(row.differences[one]) for one in CHANGES)]
        for row in rows
    ]
    changes = reading["changes"]
    calibrated = [changes[one]["calibrated_he_snr"] for one in (UNCHANGED, *CHANGES)]
    lines.append(["calibrated_he_snr, values", *("N/A" if one is None else f"{one:.4f}" for one in calibrated)])
    about = (
        f"{reading['n_trajectories']} trajectories, {reading['n_tokens']:,} tokens of actions. Easiest decisions: rank "
        f"1, entropy up to {reading['easiest']['entropy']:.3f} nats. Largest p / entropy of a token: "
        f"{reading['largest']:.3f}."
    )
    return f"{about}\n\n{table(['measure', 'unchanged', *(TITLES[one] for one in CHANGES)], lines)}"


def _value(value: float) -> str:
    return f"{value:.4f}" if value < 5 else f"{value:.4g}"


def _cell(found: Difference | None) -> str:
    if found is None:
        return "N/A"
    digits = "+.4f" if abs(found.value) < 5 else "+.3g"
    ends = "" if found.interval is None else f" ({found.interval.low:{digits}} to {found.interval.high:{digits}})"
    return f"{found.value:{digits}}{ends}"


def sign_table(rows: Sequence[Row]) -> str:
    """Whether each measure with a better direction sees which model is better."""
    lines = [
        [row.name, *(row.sign(one) or "no interval" for one in CHANGES)]
        for row in rows
        if row.higher_is_better is not None
    ]
    truths = ["better", "better", "worse", "equal", "equal"]
    heads = [f"{TITLES[one]}: {truth}" for one, truth in zip(CHANGES, truths, strict=True)]
    return table(["measure", *heads], lines)


def temperature_table(readings: Mapping[str, Mapping[str, Any]]) -> str:
    """Perplexity and he_snr at the temperatures of the grid."""
    heads = ["T", *(f"{name}: {column}" for name in readings for column in ("ppl", "he_snr", "decisions"))]
    inverse = np.array(next(iter(readings.values()))["by_temperature"]["inverse"])
    lines = []
    for i in np.flatnonzero(np.isin(inverse, INVERSE_TEMPERATURES))[::-1]:
        line = [f"{1 / inverse[i]:.3f}"]
        for reading in readings.values():
            at = reading["by_temperature"]
            line += [_value(at["ppl"][i]), f"{at['he_snr'][i]:.4f}", f"{at['decisions'][i]:,.0f}"]
        lines.append(line)
    return table(heads, lines)


def carrier_table(readings: Mapping[str, Mapping[str, Any]]) -> str:
    """Which decisions the mean comes from."""
    heads = [
        "decisions",
        *(f"{name}: {column}" for name in readings for column in ("share", "share of the sum", "mean")),
    ]
    lines = []
    for i, (title, *_) in enumerate(next(iter(readings.values()))["carriers"]):
        line = [title]
        for reading in readings.values():
            share, of_sum, mean = reading["carriers"][i][1:]
            line += [f"{share:.3f}", f"{of_sum:.3f}", "N/A" if mean is None else f"{mean:.4f}"]
        lines.append(line)
    return table(heads, lines)


def scatter(rows: Mapping[str, Sequence[Row]]) -> str:
    """The change of he_snr against that of perplexity, in percent, with 95 % intervals."""
    panels = [
        Panel(
            title=name,
            x_label="change of ppl, percent (left: better)",
            y_label="change of he_snr, percent (up: better)",
            series={"change": [_point(some, change) for change in CHANGES]},
            zero=True,
        )
        for name, some in rows.items()
    ]
    return picture("Known changes of a model: perplexity and HE-SNR", panels)


def _point(rows: Sequence[Row], change: str) -> Point:
    numbers = []
    for name in ("ppl", "he_snr"):
        row = next(row for row in rows if row.name == name)
        found, scale = row.differences[change], 100 / (row.value or math.nan)
        half = (found.interval.high - found.interval.low) / 2 if found and found.interval else 0.0
        numbers.append((found.value * scale if found else math.nan, half * scale))
    (x, x_error), (y, y_error) = numbers
    return Point(x, y, x_error, y_error, TITLES[change])
