"""What readers of the readings asked for after the analysis was fixed. It changes no verdict."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lab.page import table
from lab.predict.study import Study
from lab.predict.verdicts import after_noise, p1, p6_against
from lm_eval_hesnr.metrics.correlation.two_measures import correlation
from lm_eval_hesnr.results.text_table import interval_cell, number


def after_the_fact(study: Study, without: Callable[[str], Study]) -> str:
    """P1 without each family, how much of the outcome is between families, and P6 with the other half as control.

    Args:
        study: of all checkpoints.
        without: from a family to the study without it.
    """
    families = sorted(set(study.points.families))
    rows = [_row("nothing", study), *(_row(f"`{name}`", without(name)) for name in families)]
    heads = ["left out", "r of HE-SNR", "r of ln PPL", "r of calibrated HE-SNR", "95 % interval, HE-SNR minus ln PPL"]
    of_families = (
        f"{_share_between(study):.0%} of the variance of the outcome is between families. The rest is between points "
        "of training, and noise."
    )
    return "\n\n".join([table(heads, rows), of_families, _other_control(study)])


def _row(name: str, study: Study) -> list[str]:
    found = p1(study)
    calibrated = float(correlation(study.calibrated.x, study.points.y))
    numbers = [number(one, ".3f") for one in (found.numbers["r"], found.numbers["r_rival"])]
    return [
        name, *numbers, number(calibrated if np.isfinite(calibrated) else None, ".3f"),
        interval_cell(found.interval, "+.3f"),
    ]  # fmt: skip


def _share_between(study: Study) -> float:
    """The share of the variance of the outcome that is between the means of the families."""
    y, families = study.points.y, np.array(study.points.families)
    means = np.array([y[families == name].mean() for name in families])
    return float(np.var(means) / np.var(y))


def _other_control(study: Study) -> str:
    halves = study.ppl.halves
    [found] = after_noise(study, [p6_against(study, None if halves is None else (halves[1], halves[0]))])
    value, low, high = (number(found.numbers.get(key), ".3f") for key in ("control", "control_low", "control_high"))
    return (
        "The control of P6 takes one half of the gold runs as predictor, given the other half. With the halves "
        f"exchanged, it is {value} ({low} to {high}), and the verdict of P6 is {found.verdict!r}."
    )
