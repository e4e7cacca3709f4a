"""HE-SNR of all checkpoints at every threshold, with the outcomes of the experiment `replication`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lab.families.plan import checkpoints
from lab.predict.from_readings import study_of
from lab.predict.study import Study
from lab.readings import Readings
from lab.threshold.grid import (
    ADAPTIVE,
    EPSILONS,
    KS,
    K,
    adaptive_row,
    group_rows,
    he_snr_of,
    squared_error,
    static_rows,
)  # fmt: skip
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.metrics.edges import EPSILON
from lm_eval_hesnr.results.correlate.points import Predictor

PART = "thresholds"
OUTCOMES = "replication"
"""The experiment whose outcomes and weights are used. Its folder of readings is next to ours."""
_ROUNDING = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidate:
    """HE-SNR at one threshold and with one k."""

    k: int
    method: str
    """`static`, or one of `ADAPTIVE`."""
    epsilons: np.ndarray
    """(n,) the threshold for each checkpoint, nats; NaN where there is none."""
    predictor: Predictor
    decisions: np.ndarray | None = None
    """(n,) of each checkpoint; None in a made-up study."""
    squared_errors: np.ndarray | None = None
    """(n,) of he_snr, by the jackknife over groups of trajectories; None if it is not kept for this k."""

    @property
    def reliability(self) -> float | None:
        """1 - mean squared error / variance over the checkpoints; None if it is not known."""
        if self.squared_errors is None or not np.isfinite(self.squared_errors).all():
            return None
        variance = float(self.predictor.values.var(ddof=1))
        return 1 - float(self.squared_errors.mean()) / variance if variance > 0 else None

    @property
    def epsilon(self) -> float:
        """Of a static one."""
        return float(self.epsilons[0])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Thresholds:
    """Everything that is compared."""

    study: Study
    candidates: Sequence[Candidate]

    def static(self, k: int = K) -> list[Candidate]:
        """The static ones with this k, in the order of their thresholds."""
        found = [one for one in self.candidates if (one.k, one.method) == (k, "static")]
        return sorted(found, key=lambda one: one.epsilon)

    @property
    def default(self) -> Candidate:
        """The static threshold of the package."""
        return next(one for one in self.static() if one.epsilon == EPSILON)

    def adaptive(self, method: str) -> Candidate:
        """The adaptive one with the default k."""
        return next(one for one in self.candidates if (one.k, one.method) == (K, method))

    def is_usable(self, one: Candidate) -> bool:
        """Whether it has a value for every checkpoint, and they differ."""
        return one.predictor.missing(self.study.points.names) is None


def candidate(
    k: int,
    method: str,
    epsilons: np.ndarray,
    values: np.ndarray,
    decisions: np.ndarray | None = None,
    squared_errors: np.ndarray | None = None,
) -> Candidate:
    """HE-SNR of n checkpoints at a threshold.

    Args:
        k: size of the candidate set.
        method: `static`, or one of `ADAPTIVE`.
        epsilons: (n,)
        values: (n,)
        decisions: (n,)
        squared_errors: (n,)
    """
    label = f"epsilon {epsilons[0]:.4f}, k {k}" if method == "static" else f"{method}, k {k}"
    predictor = Predictor(label=label, values=values, x=values)
    return Candidate(
        k=k, method=method, epsilons=epsilons, predictor=predictor, decisions=decisions, squared_errors=squared_errors
    )


def thresholds(readings: Readings, *, fast: bool) -> Thresholds:
    """From the readings, and those of `replication` in the folder next to them.

    Raises:
        InputError: a reading is missing, or is of another checkpoint or of other trajectories than in `replication`.
    """
    outcomes = Readings(readings.folder.parent / OUTCOMES)
    found = {one.name: readings.needed(one.name, PART) for one in checkpoints(fast=fast)}
    study = study_of(outcomes, fast=fast)
    _check(readings, outcomes, found)
    of = [found[name]["sums"] for name in study.points.names]
    candidates = []
    for k in KS:
        of_k = [one[str(k)] for one in of]
        static = np.stack([static_rows(one["static"]) for one in of_k])  # (n, thresholds, columns)
        for i, epsilon in enumerate(EPSILONS):
            candidates.append(
                _candidate(k, "static", np.full(len(of), epsilon), static[:, i], _errors(of_k, "static", i))
            )
        for i, method in enumerate(ADAPTIVE):
            rows = np.stack([adaptive_row(one["adaptive"][i]) for one in of_k])
            candidates.append(_candidate(k, method, rows[:, 0], rows[:, 1:], _errors(of_k, "adaptive", i)))
    made = Thresholds(study=study, candidates=candidates)
    differs = np.abs(made.default.predictor.values / study.he_snr.values - 1) > _ROUNDING
    if differs.any():
        name = study.points.names[int(differs.argmax())]
        raise InputError(
            f"{readings.folder / name}.json: he_snr at the default threshold is not that of {OUTCOMES}; make the "
            f"reading again, with the trajectories that {OUTCOMES} reads"
        )
    return made


def _candidate(
    k: int, method: str, epsilons: np.ndarray, rows: np.ndarray, squared_errors: np.ndarray | None
) -> Candidate:
    return candidate(k, method, epsilons, he_snr_of(rows), rows[:, 0], squared_errors)


def _errors(of_k: Sequence[Mapping[str, Any]], kind: str, i: int) -> np.ndarray | None:
    if "groups" not in of_k[0]:
        return None
    return squared_error(np.stack([group_rows(one["groups"][kind][i]) for one in of_k]))


def _check(readings: Readings, outcomes: Readings, found: Mapping[str, Mapping[str, Any]]) -> None:
    first = next(iter(found.values()))
    for name, reading in found.items():
        place = readings.folder / f"{name}.json"
        if (reading["documents_sha256"], reading["epsilons"]) != (first["documents_sha256"], list(EPSILONS)):
            raise InputError(f"{place}: other trajectories or thresholds than those of other files; make it again")
        weights = [(one.about(name) or {}).get("model_sha256") for one in (readings, outcomes)]
        if weights[0] != weights[1]:
            raise InputError(
                f"{place}: is about another checkpoint than the file of {OUTCOMES} (model_sha256); remove it, and "
                "make it again"
            )
