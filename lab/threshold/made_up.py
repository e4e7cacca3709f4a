"""Made-up studies in which it is known how the threshold matters. Seeded.

They stand on the made-up studies of `predict`: one measure sees the whole ability, another one misses a hidden part.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lab.predict.made_up import LARGE, Size
from lab.predict.made_up import made_up as made_up_study
from lab.threshold.from_readings import Thresholds, candidate
from lab.threshold.grid import ADAPTIVE, EPSILONS, KS, PLATEAU
from lm_eval_hesnr.metrics.edges import EPSILON

WORLDS = {
    "plateau": "all thresholds see the ability",
    "peak": "only thresholds near the default see all of the ability; near ln 2 and ln 5 they miss the hidden part",
    "low": "the ability is seen at thresholds near 0.6 only",
    "adaptive better": "the adaptive thresholds see all of the ability, the static ones miss the hidden part",
    "adaptive worse": "the static thresholds see all of the ability, the adaptive ones miss the hidden part",
    "nothing": "HE-SNR and the outcome share only the trend over training",
}
ERROR = 0.02
"""Of each threshold alone, in units of the ability."""


def made_up(world: str, seed: int, size: Size = LARGE, *, error: float = ERROR) -> Thresholds:
    """A study of one of `WORLDS`. `error` is that of each threshold alone."""
    study = made_up_study("trend only" if world == "nothing" else "better", seed, size)
    full, partly = study.he_snr.x / 0.02, study.ppl.x / 0.6
    key = [seed, list(WORLDS).index(world)]
    of_grid, of_ends = np.random.default_rng(key), np.random.default_rng([*key, 1])

    def _values(weight: float, random: np.random.Generator = of_grid) -> np.ndarray:
        seen = weight * full + (1 - weight) * partly + error * random.normal(size=len(full))
        return np.asarray(0.1 + 0.02 * seen)

    candidates = []
    for k in KS:
        of_k = [
            candidate(
                k,
                "static",
                np.full(len(full), epsilon),
                _values(_weight(world, epsilon), of_ends if epsilon in PLATEAU else of_grid),
            )
            for epsilon in EPSILONS
        ]
        of_k += [
            candidate(k, method, np.full(len(full), 1.2), _values(0.0 if world == "adaptive worse" else 1.0))
            for method in ADAPTIVE
        ]
        candidates += of_k
    made = Thresholds(study=study, candidates=candidates)
    x = made.default.predictor.x
    drawn = None if study.he_snr.drawn is None else x + study.he_snr.drawn - study.he_snr.x
    default = replace(study.he_snr, values=x, x=x, drawn=drawn)
    return replace(made, study=replace(study, he_snr=default))


def _weight(world: str, epsilon: float) -> float:
    """How much of the hidden part a static threshold sees."""
    if world == "adaptive better":
        return 0.0
    if world in ("peak", "low"):
        return float(np.exp(-0.5 * ((epsilon - (EPSILON if world == "peak" else 0.6)) / 0.15) ** 2))
    return 1.0
