"""HE-SNR of all checkpoints at every threshold, with the outcomes of the experiment `predict`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lab.families.plan import checkpoints
from lab.predict.from_readings import study_of
from lab.predict.study import Study
from lab.readings import Readings
from lab.threshold.grid import ADAPTIVE, EPSILONS, KS, K, adaptive_value, static_values
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.metrics.edges import EPSILON
from lm_eval_hesnr.results.correlate.points import Predictor

PART = "thresholds"
OUTCOMES = "predict"
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


def candidate(k: int, method: str, epsilons: np.ndarray, values: np.ndarray) -> Candidate:
    """HE-SNR of n checkpoints at a threshold.

    Args:
        k: size of the candidate set.
        method: `static`, or one of `ADAPTIVE`.
        epsilons: (n,)
        values: (n,)
    """
    label = f"epsilon {epsilons[0]:.4f}, k {k}" if method == "static" else f"{method}, k {k}"
    return Candidate(k=k, method=method, epsilons=epsilons, predictor=Predictor(label=label, values=values, x=values))


def thresholds(readings: Readings, *, fast: bool) -> Thresholds:
    """From the readings, and those of `predict` in the folder next to them.

    Raises:
        InputError: a reading is missing, or is of another checkpoint or of other trajectories than in `predict`.
    """
    outcomes = Readings(readings.folder.parent / OUTCOMES)
    found = {one.name: readings.needed(one.name, PART) for one in checkpoints(fast=fast)}
    study = study_of(outcomes, fast=fast)
    _check(readings, outcomes, found)
    of = [found[name]["sums"] for name in study.points.names]
    candidates = []
    for k in KS:
        static = np.stack([static_values(one[str(k)]["static"]) for one in of])  # (n, thresholds)
        for epsilon, values in zip(EPSILONS, static.T, strict=True):
            candidates.append(candidate(k, "static", np.full(len(of), epsilon), values))
        for i, method in enumerate(ADAPTIVE):
            epsilons, values = np.array([adaptive_value(one[str(k)]["adaptive"][i]) for one in of]).T
            candidates.append(candidate(k, method, epsilons, values))
    made = Thresholds(study=study, candidates=candidates)
    differs = np.abs(made.default.predictor.values / study.he_snr.values - 1) > _ROUNDING
    if differs.any():
        name = study.points.names[int(differs.argmax())]
        raise InputError(
            f"{readings.folder / name}.json: he_snr at the default threshold is not that of {OUTCOMES}; make the "
            "reading again, with the trajectories that `predict` reads"
        )
    return made


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
