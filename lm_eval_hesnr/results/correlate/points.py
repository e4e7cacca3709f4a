"""The data of a correlation: the checkpoints with their outcomes, and the values of measures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.labels import SCOPES
from lm_eval_hesnr.messages.near import did_you_mean
from lm_eval_hesnr.metrics.correlation.noise_of_axes import drawn_totals
from lm_eval_hesnr.metrics.correlation.one_measure import is_constant
from lm_eval_hesnr.metrics.correlation.outcome import (
    drawn_from_counts,
    drawn_from_tasks,
    logit,
    seed_variance,
    with_seed_noise,
)
from lm_eval_hesnr.metrics.correlation.two_measures import FEWEST_FAMILIES, correlation
from lm_eval_hesnr.metrics.measures import HIGHER_IS_BETTER, measure
from lm_eval_hesnr.metrics.noise import scaled
from lm_eval_hesnr.results.compare.comparable import why_not
from lm_eval_hesnr.results.compare.compared_run import ComparedRun
from lm_eval_hesnr.results.compare.pair import ROUNDING
from lm_eval_hesnr.results.correlate.scores import Score

INDEPENDENT, FAMILIES, FEW_FAMILIES, ONE_RUN = "independent trainings", "families", "few families", "one run"
"""How the checkpoints depend on each other: one checkpoint of each training run; several of each of at least four; of
fewer than four; all of the same run, or nothing is known about it."""
NULL = "log(step)"
_SCOPE = "action"


@dataclass(frozen=True, slots=True, order=True)
class Spec:
    """A measure in a scope."""

    name: str
    scope: str

    def __str__(self) -> str:
        return f"{self.name},{self.scope}"

    @classmethod
    def parse(cls, text: str, option: str) -> Spec:
        """The measure in `he_snr,action`; without a scope, it is that of `action`.

        Raises:
            InputError: there is no such measure or scope.
        """
        name, _, scope = text.partition(",")
        scope = scope or _SCOPE
        for found, known, what in ((name, HIGHER_IS_BETTER, "measure"), (scope, SCOPES, "scope")):
            if found not in known:
                hint = did_you_mean(found, known)
                raise InputError(f"{option} {text}: no {what} {found!r:.60}; {hint}known: {', '.join(known)}")
        return cls(name, scope)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Predictor:
    """A measure, or training time, over n checkpoints."""

    label: str
    values: np.ndarray
    """(n,) as the measure is printed; NaN where it is not known."""
    x: np.ndarray
    """(n,) on the scale where it is correlated, higher is better: ln of perplexities, with the sign of the measure."""
    drawn: np.ndarray | None = None
    """(RESAMPLES, n): x over drawn trajectories; None if it is not known."""
    halves: tuple[np.ndarray, np.ndarray] | None = None
    """(n,) twice: x over every second trajectory, and over the others."""
    has_direction: bool = True
    """Whether higher or lower is better. If not, the values are used as they are, except by `directed`."""

    def directed(self, y: np.ndarray) -> Predictor:
        """The predictor. One without a direction gets that of its r with y (n,), to its advantage."""
        return self if self.has_direction or correlation(self.x, y) >= 0 else replace(self, x=-self.x)

    def missing(self, names: Sequence[str]) -> str | None:
        """Why there is no statistic about it; None if there are."""
        unknown = [name for name, value in zip(names, self.x, strict=True) if not math.isfinite(value)]
        if unknown:
            return f"not known for {unknown[0]}" + (f" and {len(unknown) - 1} more" if len(unknown) > 1 else "")
        return "the same value for all checkpoints" if is_constant(self.x, ROUNDING) else None


class Points:
    """n checkpoints with their outcomes, ordered by family, step and name. So the order of rows changes no number."""

    def __init__(self, pairs: Sequence[tuple[Score, ComparedRun]], seed: int) -> None:
        ordered = sorted(pairs, key=lambda pair: (pair[0].family or "", pair[0].order or 0.0, pair[0].checkpoint))
        self.scores = [score for score, _ in ordered]
        self.runs = [run.named(score.checkpoint) for score, run in ordered]
        self.seed = seed
        self.names = [score.checkpoint for score in self.scores]
        self.order = np.array([score.order or math.nan for score in self.scores])
        self.passed = np.array([int(score.passed.sum()) for score in self.scores])
        self.trials = np.array([int(score.trials.sum()) for score in self.scores])
        self.y = logit(self.passed, self.trials)

    @property
    def families(self) -> list[str]:
        """(n,) the training run of each checkpoint; the same empty name for all if it is not known."""
        return [score.family or "" for score in self.scores]

    @property
    def design(self) -> str:
        """How the checkpoints depend on each other."""
        n_families = len(set(self.families))
        if n_families == 1:
            return ONE_RUN
        if n_families == len(self.names):
            return INDEPENDENT
        return FAMILIES if n_families >= FEWEST_FAMILIES else FEW_FAMILIES

    @property
    def no_test(self) -> str | None:
        """Why the checkpoints allow no test; None if they do."""
        if self.design == ONE_RUN:
            if self.scores[0].family is None:
                return "no column names the training runs, so all checkpoints count as one run"
            return "all checkpoints come from one training run"
        if self.design == FEW_FAMILIES:
            runs = len(set(self.families))
            return f"the checkpoints come from {runs} training runs; at least {FEWEST_FAMILIES} are needed"
        return None

    @cached_property
    def drawn_y(self) -> np.ndarray:
        """(RESAMPLES, n): the outcome over drawn tasks, attempts and seeds."""
        by_task = [score.by_task for score in self.scores if score.by_task is not None]
        if len(by_task) == len(self.scores):
            drawn = drawn_from_tasks(
                np.stack([one.passed for one in by_task]), np.stack([one.trials for one in by_task]), self.seed
            )
        else:
            drawn = drawn_from_counts(self.passed, self.trials, self.seed)
        variance = seed_variance([one.passed for one in self.scores], [one.trials for one in self.scores])
        n_seeds = np.array([len(one.passed) for one in self.scores])
        return drawn if variance is None else with_seed_noise(drawn, variance, n_seeds, self.seed)

    def check(self, scopes: Sequence[str]) -> None:
        """Check that all runs can be compared in these scopes.

        Raises:
            InputError: two runs cannot, and why.
        """
        first = self.runs[0]
        for run in self.runs:
            for scope in scopes:
                if scope not in run.totals:
                    raise InputError(
                        f"{run.source}: has no scope {scope}, only {', '.join(run.totals)}; choose one of them, or "
                        "score again with it"
                    )
                if reason := why_not(first, run, scope):
                    raise InputError(
                        f"{run.source}: {run.name} cannot be compared with {first.name}: {reason}; score all "
                        "checkpoints with the same settings and trajectories"
                    )

    def predictors(self, specs: Sequence[Spec], suffix: str = "") -> list[Predictor]:
        """The measures. All of them use the same draws of trajectories.

        Args:
            specs: in scopes that all runs have.
            suffix: what is added to each label.
        """
        drawn: dict[str, list[np.ndarray] | None] = {}
        for spec in specs:
            if spec.scope not in drawn:
                drawn[spec.scope] = drawn_totals([run.totals[spec.scope] for run in self.runs], self.seed)
        return [self._predictor(spec, drawn[spec.scope], suffix) for spec in specs]

    def _predictor(self, spec: Spec, drawn: list[np.ndarray] | None, suffix: str) -> Predictor:
        rows = [run.totals[spec.scope] for run in self.runs]
        higher = HIGHER_IS_BETTER[spec.name]

        def _x(totals: Sequence[np.ndarray]) -> np.ndarray:
            values = np.stack([measure(spec.name, total) for total in totals], axis=-1)
            return scaled(spec.name, values.ravel().tolist()).reshape(values.shape) * (-1 if higher is False else 1)

        return Predictor(
            label=f"{spec}{suffix}",
            values=np.array([float(measure(spec.name, one.sum(axis=0))) for one in rows]),
            x=_x([one.sum(axis=0) for one in rows]),
            drawn=None if drawn is None else _x(drawn),
            halves=(_x([one[::2].sum(axis=0) for one in rows]), _x([one[1::2].sum(axis=0) for one in rows])),
            has_direction=higher is not None,
        )

    def null_predictor(self) -> Predictor:
        """The logarithm of the step: what anybody knows without any measure."""
        return Predictor(label=NULL, values=self.order, x=np.log(self.order))
