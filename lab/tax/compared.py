"""The comparisons of the experiment: which models are compared with which, and what their differences say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lab.tax.crossed import Measured, intervals
from lab.tax.plan import CROSS_ENTROPY, DATA, IN_STYLE, LOSSES
from lab.tax.study import (
    CALIBRATED,
    CALIBRATED_HELD_OUT,
    HELD_OUT,
    PASS,
    PASS_K,
    Model,
    S,
    Study,
    at_equal_loss,
    best,
    of,
)
from lab.tax.verdicts import LEAST_PASS, LEAST_SHARE, MISREADS, changes, claim, verdict
from lm_eval_hesnr.metrics.bootstrap import Difference

GAP = "gap"
QUANTITIES = (S, CALIBRATED, GAP, PASS, PASS_K)
AT_EQUAL, AT_CALIBRATED, AT_BEST = "equal held-out loss", "equal calibrated held-out loss", "best of each"
PLACES = (AT_EQUAL, AT_CALIBRATED, AT_BEST)


class Pair(NamedTuple):
    """A model, and the one that it is compared with."""

    title: str
    model: Model
    reference: Model


class Row(NamedTuple):
    """The differences of one pair, with what each of them is: higher, lower, equal or open."""

    title: str
    model: Model
    reference: Model
    differences: Mapping[str, Difference | None]
    changes: Mapping[str, str]

    @property
    def verdict(self) -> str:
        """What the change says about HE-SNR."""
        return verdict(*(self.changes[key] for key in (S, CALIBRATED, GAP, PASS_K)))


def rows_of_pairs(pairs: Sequence[Pair], data: str) -> list[Row]:
    """One row per pair. They share one variance of seeds, and the correction for several tests is over them.

    Args:
        pairs: all of one question.
        data: the trajectories that S and calibrated S are over.
    """
    sides = [(_quantities(one.model, data), _quantities(one.reference, data)) for one in pairs]
    by_quantity = {key: intervals([a[key].minus(b[key]) for a, b in sides]) for key in QUANTITIES}
    found = [{key: by_quantity[key][i] for key in QUANTITIES} for i in range(len(pairs))]
    margins = [_margins(b[S].value) for _, b in sides]
    each = {key: changes(by_quantity[key], [one[key] for one in margins]) for key in QUANTITIES}
    return [
        Row(one.title, one.model, one.reference, found[i], {key: each[key][i] for key in QUANTITIES})
        for i, one in enumerate(pairs)
    ]


def _quantities(model: Model, data: str) -> dict[str, Measured]:
    s, calibrated = model.measured[of(S, data)], model.measured[of(CALIBRATED, data)]
    return {
        S: s,
        CALIBRATED: calibrated,
        GAP: s.minus(calibrated),
        PASS: model.measured[PASS],
        PASS_K: model.measured[PASS_K],
    }


def _margins(s: float) -> dict[str, float]:
    return dict.fromkeys((S, CALIBRATED, GAP), LEAST_SHARE * s) | dict.fromkeys((PASS, PASS_K), LEAST_PASS)


def since_start(study: Study) -> list[Pair]:
    """The best model of each loss against the start."""
    return [Pair(LOSSES[loss], best(models), study.start) for loss, models in study.tuned.items()]


def more(study: Study) -> list[Pair]:
    """The largest learning rate of each loss against the next smaller one; nothing in the fast form, which has one."""
    return [Pair(LOSSES[loss], models[-1], models[-2]) for loss, models in study.tuned.items() if len(models) > 1]


def controls(study: Study) -> list[Pair]:
    """Changes of temperature alone, of which none may be called a tax."""
    return [Pair(model.title, model, study.control_of) for model in study.controls.values()]


def against_cross_entropy(study: Study, place: str) -> list[Pair]:
    """Every other loss against cross entropy, at one of `PLACES`. Losses that cannot be compared there are left out."""
    reference = study.tuned[CROSS_ENTROPY]
    found = []
    for loss, models in study.tuned.items():
        pair: tuple[Model, Model] | None = (best(models), best(reference))
        if place != AT_BEST:
            pair = at_equal_loss(models, reference, HELD_OUT if place == AT_EQUAL else CALIBRATED_HELD_OUT)
        if loss != CROSS_ENTROPY and pair is not None:
            found.append(Pair(LOSSES[loss], *pair))
    return found


class Found(NamedTuple):
    """Everything that the experiment says."""

    since_start: Mapping[str, list[Row]]
    """By trajectories, as the two next ones."""
    more: Mapping[str, list[Row]]
    controls: Mapping[str, list[Row]]
    against_cross_entropy: Mapping[str, list[Row]]
    """By place. S and calibrated S are over the in-style trajectories."""

    @property
    def claim(self) -> str:
        """Whether a fall of HE-SNR after fine-tuning with cross entropy is a tax.

        The start cannot solve tasks, because it does not know the form of an action. So a model that solves more than
        the start is no evidence that HE-SNR misreads anything.
        """
        since_start, more, controls = (
            [row for some in rows.values() for row in some] for rows in (self.since_start, self.more, self.controls)
        )
        name = LOSSES[CROSS_ENTROPY]
        return claim(
            [row.verdict for row in since_start if row.title == name and row.verdict != MISREADS]
            + [row.verdict for row in more if row.title == name],
            [row.changes[CALIBRATED] for row in controls],
        )


def compare(study: Study) -> Found:
    """All comparisons."""
    by_data = [
        {data: rows_of_pairs(pairs, data) for data in DATA}
        for pairs in (since_start(study), more(study), controls(study))
    ]
    return Found(
        since_start=by_data[0],
        more=by_data[1],
        controls=by_data[2],
        against_cross_entropy={place: rows_of_pairs(against_cross_entropy(study, place), IN_STYLE) for place in PLACES},
    )
