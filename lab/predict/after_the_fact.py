"""What readers of the readings asked for after the analysis was fixed. It changes no verdict."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from scipy import stats  # type: ignore[import-untyped]

from lab.page import table
from lab.predict.study import Study
from lab.predict.tables import APART
from lab.predict.verdicts import after_noise, p1, p3, p6_against
from lm_eval_hesnr.metrics.bootstrap import LEVEL, Interval
from lm_eval_hesnr.metrics.correlation.two_measures import correlation
from lm_eval_hesnr.results.text_table import interval_cell, number


def after_the_fact(study: Study, without: Callable[[str], Study]) -> str:
    """P1 and P3 without each family, how much of the outcome is between families, and P6 with the other control.

    Args:
        study: of all checkpoints.
        without: from a family to the study without it.
    """
    without = cache(without)  # a study takes seconds, and one of them has two tables
    families = sorted(set(study.points.families))
    rows = [_row("nothing", study), *(_row(f"`{name}`", without(name)) for name in families)]
    heads = [
        "left out", "r of HE-SNR", "r of ln PPL", "r of calibrated HE-SNR", "r of log(tokens)",
        "95 % interval, HE-SNR minus ln PPL", "r0 of HE-SNR (p)", "r0 of ln PPL (p)", "between families",
    ]  # fmt: skip
    notes = (
        "r0 and p as in P3: beyond the trend that all families share. Between families: that share of the variance of "
        "the outcome. The rest is between points of training, and noise."
    )
    return "\n\n".join([
        table(heads, rows), notes, _other_interval(study), _pairs_table(without(APART)), _other_control(study),
    ])  # fmt: skip


def plain_jackknife(study: Study) -> tuple[float, Interval]:
    """The difference of r of HE-SNR and of ln PPL, and its 95 % interval by the jackknife of the difference itself.

    The interval of P1 transforms both correlations, and takes their widths apart. If both move together, what is left
    of two nearly equal widths can be on one side. This one is the difference -+ t times its standard error, with
    se^2 = (F - 1) / F * sum over the families of (difference without the family - the mean of these)^2.
    """
    y, families = study.points.y, np.array(study.points.families)

    def _difference(chosen: np.ndarray) -> float:
        return float(correlation(study.he_snr.x[chosen], y[chosen]) - correlation(study.ppl.x[chosen], y[chosen]))

    names = sorted(set(study.points.families))
    without = np.array([_difference(families != name) for name in names])
    n = len(names)
    half = float(stats.t.ppf((1 + LEVEL) / 2, n - 1)) * float(np.sqrt((n - 1) * without.var()))
    value = _difference(np.ones(len(y), bool))
    return value, Interval(value - half, value + half)


def _other_interval(study: Study) -> str:
    value, found = plain_jackknife(study)
    return (
        f"The difference of r in P1, {value:+.3f}, with a plain jackknife over the families: "
        f"{interval_cell(found, '+.3f')}."
    )


def _pairs_table(study: Study) -> str:
    """Which measure puts a pair of checkpoints in the right order: of one training, or of one point of training."""
    families, order, y = np.array(study.points.families), study.points.order, study.points.y
    left, right = np.triu_indices(len(y), 1)
    same_family, same_point = families[left] == families[right], order[left] == order[right]
    kinds = {
        "of the same training": same_family,
        "of the same point of training": same_point,
        "all": np.ones(len(left), bool),
    }
    measures = [study.he_snr, study.ppl, study.calibrated, *study.rivals, study.null]
    rows = []
    for one in measures:
        agreement = (1 + np.sign(one.x[left] - one.x[right]) * np.sign(y[left] - y[right])) / 2
        shares = [number(float(agreement[chosen].mean()), ".2f") for chosen in kinds.values()]
        rows.append([one.label, *shares])
    heads = ["measure", *(f"{name} ({int(chosen.sum())})" for name, chosen in kinds.items())]
    return (
        f"The share of pairs of checkpoints in the right order, without `{APART}`. A tie counts half. `mean_entropy` "
        f"and `self_he_snr` are not turned.\n\n{table(heads, rows)}"
    )


def _row(name: str, study: Study) -> list[str]:
    found, beyond = p1(study), p3(study).numbers
    calibrated, null = (float(correlation(one.x, study.points.y)) for one in (study.calibrated, study.null))
    of_r = [found.numbers["r"], found.numbers["r_rival"], calibrated if np.isfinite(calibrated) else None, null]
    swaps = [
        f"{number(beyond.get(f'r0{of}'), '.2f')} ({number(beyond.get(f'p_value{of}'), '.2g')})" for of in ("", "_rival")
    ]
    return [
        name, *(number(one, ".3f") for one in of_r), interval_cell(found.interval, "+.3f"), *swaps,
        f"{_share_between(study):.0%}",
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
