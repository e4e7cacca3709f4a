"""Made-up studies in which the answer is known: the same table as that of the experiment. Seeded.

A checkpoint has an ability: a trend over training that all families share, a level of its family, a random walk over
its checkpoints. Some worlds have a hidden part of the ability, with a level and a walk too, that only some measures
see. Every reading of a measure has noise of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lab.families.plan import PERCENTS
from lab.predict.study import CALIBRATED, HE_SNR, PPL, RIVALS, Study
from lm_eval_hesnr.metrics.bootstrap import RESAMPLES
from lm_eval_hesnr.results.compare.compared_run import ComparedRun
from lm_eval_hesnr.results.correlate.points import Points, Predictor
from lm_eval_hesnr.results.correlate.scores import Score

WORLDS = {
    "better": "HE-SNR sees all of the ability, all rivals miss the hidden part",
    "worse": "the rivals see all of the ability, HE-SNR misses the hidden part",
    "no difference": "all measures see the ability, each one with an error of its own",
    "same reading": "HE-SNR and all rivals read the same, except for noise",
    "trend only": "each measure and the outcome share only the trend over training",
    "training time": "the ability is the trend over training, and nothing else",
    "entropy only": "HE-SNR sees all of the ability, and so does self_he_snr; the other rivals miss the hidden part",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large a made-up study is, and how large its effects are."""

    families: int = 6
    hidden: float = 1.0
    """Size of the hidden part; 1 is as large as the differences between families."""
    tasks: int = 600
    seeds: int = 3
    noise: float = 0.04
    """Of each reading. The trend over training is 1.2."""


class _Series:
    """Draws of (F, C) quantities that differ between families."""

    def __init__(self, random: np.random.Generator, families: int) -> None:
        self.random, self.shape = random, (families, len(PERCENTS))

    def own(self, level: float, walk: float) -> np.ndarray:
        """A level of each family, and a walk over its checkpoints."""
        levels = level * self.random.normal(size=(self.shape[0], 1))
        return np.asarray(levels + walk * self.random.normal(size=self.shape).cumsum(axis=1))

    def noise(self, scale: float) -> np.ndarray:
        return scale * self.random.normal(size=self.shape)


LARGE = Size()
"""The experiment, with a large effect."""


def made_up(world: str, seed: int, size: Size = LARGE) -> Study:
    """A study of one of `WORLDS`."""
    random = np.random.default_rng([seed, list(WORLDS).index(world)])
    series = _Series(random, size.families)
    ability, seen = _world(world, series, size)
    names = [HE_SNR, PPL, CALIBRATED, *RIVALS]
    values = {name: (seen[name] + series.noise(size.noise)).ravel() for name in names}
    predictors = {name: Predictor(label=name, values=x, x=_scaled(name, x)) for name, x in values.items()}
    x = predictors[HE_SNR].x
    noise = np.random.default_rng([seed, len(WORLDS)]).normal(size=(RESAMPLES, len(x)))
    predictors[HE_SNR] = replace(predictors[HE_SNR], drawn=x + _scaled(HE_SNR, size.noise * noise))
    halves = [(seen[PPL] + series.noise(size.noise * math.sqrt(2))).ravel() for _ in range(2)]
    whole = (halves[0] + halves[1]) / 2
    predictors[PPL] = Predictor(
        label=PPL, values=whole, x=_scaled(PPL, whole), halves=(_scaled(PPL, halves[0]), _scaled(PPL, halves[1]))
    )
    return Study(
        points=_points(1 / (1 + np.exp(2.2 - 1.8 * ability)), random, size),
        he_snr=predictors[HE_SNR],
        ppl=predictors[PPL],
        rivals=[predictors[name] for name in RIVALS],
        calibrated=predictors[CALIBRATED],
    )


def _world(world: str, series: _Series, size: Size) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The ability (F, C), and what each measure sees of it."""
    trend = np.broadcast_to(1.2 * np.log(np.array(PERCENTS) / 12.5) / np.log(8), series.shape)
    base = trend if world == "training time" else trend + series.own(0.25, 0.06)
    hidden = size.hidden * series.own(0.35, 0.1)
    names = [HE_SNR, PPL, CALIBRATED, *RIVALS]
    of_snr = (HE_SNR, CALIBRATED)
    if world in ("better", "entropy only"):
        sees = of_snr if world == "better" else (*of_snr, "self_he_snr,action")
        return base + hidden, {name: base + hidden if name in sees else base for name in names}
    if world == "worse":
        return base + hidden, {name: base if name in of_snr else base + hidden for name in names}
    if world == "no difference":
        errors = {name: series.own(0.15, 0.06) for name in names}
        errors[CALIBRATED] = errors[HE_SNR]
        return base, {name: base + error for name, error in errors.items()}
    if world == "same reading":
        seen = base + series.own(0.15, 0.06)
        return base, dict.fromkeys(names, seen)
    if world == "trend only":
        own = {name: trend + series.own(0.25, 0.06) for name in names}
        return base, own | {CALIBRATED: own[HE_SNR]}
    return base, dict.fromkeys(names, base)


def _scaled(name: str, x: np.ndarray) -> np.ndarray:
    """On the scale where the measure is correlated: a loss of 0.6 nats per unit of ability for ln PPL."""
    return 0.6 * x if name.startswith("ppl") else 0.02 * x


def _points(rate: np.ndarray, random: np.random.Generator, size: Size) -> Points:
    """The checkpoints, with one draw of passed tasks for each seed of fine-tuning."""
    pairs = []
    for f, row in enumerate(rate):
        for percent, chance in zip(PERCENTS, row, strict=True):
            logits = np.log(chance / (1 - chance)) + 0.08 * random.normal(size=size.seeds)
            passed = random.binomial(size.tasks, 1 / (1 + np.exp(-logits)))
            name = f"family{f}-{percent:g}"
            score = Score(
                checkpoint=name,
                family=f"family{f}",
                order=percent,
                passed=passed,
                trials=np.full(size.seeds, size.tasks),
            )
            run = ComparedRun(name=name, source=Path(name), signature={}, ids=[], digests=[], totals={})
            pairs.append((score, run))
    return Points(pairs, seed=1234)
