"""Simulates what `hesnr correlate` and `hesnr plan` claim: coverage, size and power. Prints Markdown tables.

    python benchmarks/correlation_sim.py [--studies 2000]

Everything is seeded. 2000 studies take some minutes on one core. A share near .05 has a standard error of .005
then.
"""

from __future__ import annotations

import argparse
import inspect
import math
from collections.abc import Iterator

import numpy as np

from lm_eval_hesnr.metrics.correlation.family_swap import family_swap
from lm_eval_hesnr.metrics.correlation.noise_of_axes import reliability
from lm_eval_hesnr.metrics.correlation.one_measure import pearson
from lm_eval_hesnr.metrics.correlation.outcome import drawn_from_counts, logit
from lm_eval_hesnr.metrics.correlation.partial import partial
from lm_eval_hesnr.metrics.correlation.planning import World, jackknife_finds, logit_range, power
from lm_eval_hesnr.metrics.correlation.two_measures import correlation, family_jackknife, independent, williams

_MOST_SWAPPED = 6
"""With more training runs, the many permutations of each study take long."""
NULLS = ("trend", "walk + trend", "family levels + walk")


def coverage(random: np.random.Generator, studies: int) -> Iterator[str]:
    """The share of Fisher's intervals that contain the true r."""
    yield "| n | true r | coverage of Fisher's interval |"
    yield "|---:|---:|---:|"
    for n in (12, 24):
        for rho in (0.0, 0.5, 0.9):
            root = np.linalg.cholesky([[1, rho], [rho, 1]])
            inside = 0
            for _ in range(studies):
                x, y = root @ random.normal(size=(2, n))
                low, high = pearson(x, y).interval or (math.nan, math.nan)
                inside += low < rho < high
            yield f"| {n} | {rho:.1f} | {inside / studies:.3f} |"


def series(random: np.random.Generator, kind: str, studies: int, families: int, steps: int) -> np.ndarray:
    """(studies, families, steps): a quantity that improves with log(step), with deviations of one kind."""
    trend = np.log(np.geomspace(1, 12, steps)) if steps > 1 else np.zeros(1)
    if kind == "trend":
        return np.asarray(trend + 0.15 * random.normal(size=(studies, families, steps)))
    walk = 0.2 * random.normal(size=(studies, families, steps)).cumsum(axis=2)
    levels = 0.4 * random.normal(size=(studies, families, 1)) if kind == "family levels + walk" else 0.0
    return np.asarray(trend + levels + walk)


def sizes(random: np.random.Generator, studies: int) -> Iterator[str]:
    """How often each test rejects at .05 although two measures predict equally well, or a measure not at all.

    Williams and the jackknife: ten times as many studies.
    """
    yield "| training runs x steps | null | Williams | jackknife over runs | family-swap |"
    yield "|---|---|---:|---:|---:|"
    for families, steps in ((24, 1), (4, 6), (6, 6), (8, 6), (12, 3)):
        for kind in NULLS:
            a, b, y = (series(random, kind, 10 * studies, families, steps) for _ in range(3))
            flat = [one.reshape(len(one), -1) for one in (a, b, y)]
            rs = [correlation(flat[i], flat[j]) for i, j in ((0, 2), (1, 2), (0, 1))]
            of_williams = np.mean(williams(*rs, families * steps)[1] < 0.05)
            of_jackknife = jackknife_finds(a, b, y).mean() + jackknife_finds(b, a, y).mean()
            of_swap = "not run"
            if families <= _MOST_SWAPPED:
                found = [family_swap([a[i]], y[i], i) for i in range(studies)]
                of_swap = f"{np.mean([one is not None and one.p_values[0] <= 0.05 for one in found]):.3f}"
            yield f"| {families} x {steps} | {kind} | {of_williams:.3f} | {of_jackknife:.3f} | {of_swap} |"


def one_study(
    world: World, random: np.random.Generator, families: int, per_family: int, trials: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """A study of `hesnr plan`, written down independently: the measure, its rival, the outcome, the families."""
    share = world.share_between_families if per_family > 1 else 0.0
    covariance = world.correlations
    level = random.multivariate_normal(np.zeros(3), share * covariance, families)
    rest = random.multivariate_normal(np.zeros(3), (1 - share) * covariance, families * per_family)
    a, b, ability = (np.repeat(level, per_family, axis=0) + rest).T
    rate = 1 / (1 + np.exp(-(world.mean + world.sd * ability)))
    passed = random.binomial(trials, rate)
    return a, b, logit(passed, np.array(trials)), [str(f) for f in range(families) for _ in range(per_family)]


def powers(random: np.random.Generator, studies: int) -> Iterator[str]:
    """The power that `hesnr plan` prints, and the share of simulated studies in which the test finds the advantage."""
    yield "| r, rival, between | training runs x checkpoints | trials | `hesnr plan` | simulated |"
    yield "|---|---|---:|---:|---:|"
    mean, sd = logit_range(0.2, 0.6)
    for (r, rival, between), sizes_of in (
        ((0.95, 0.85, 0.9), ((12, 1), (24, 1), (36, 1), (4, 6), (8, 6), (12, 6))),
        ((0.98, 0.92, 0.92), ((24, 1), (4, 6), (8, 4))),
        ((0.9, 0.6, 0.7), ((12, 1), (6, 3))),
    ):
        world = World(candidate=r, rival=rival, between=between, mean=mean, sd=sd, share_between_families=0.5)
        for families, per_family in sizes_of:
            finds = 0
            for _ in range(studies):
                a, b, y, names = one_study(world, random, families, per_family, 500)
                test = independent(a, b, y) if per_family == 1 else family_jackknife(a, b, y, names)
                finds += test is not None and test.p_value < 0.05 and test.difference > 0
            printed = power(world, families, per_family, 500, 1234)
            yield (
                f"| {r}, {rival}, {between} | {families} x {per_family} | 500 | {printed:.3f} | {finds / studies:.3f} |"
            )


def difference_coverage(random: np.random.Generator, studies: int) -> Iterator[str]:
    """The share of intervals of a difference of two r that contain the true one, and that exclude a gain of .05."""
    yield "| r, rival, between | training runs x checkpoints | contain the true difference | are below .05 |"
    yield "|---|---|---:|---:|"
    mean, sd = logit_range(0.2, 0.6)
    for r, rival, between in ((0.95, 0.85, 0.9), (0.9, 0.9, 0.9), (0.97, 0.95, 0.96)):
        world = World(candidate=r, rival=rival, between=between, mean=mean, sd=sd, share_between_families=0.5)
        for families, per_family in ((24, 1), (4, 6), (8, 6)):
            found = np.zeros(2)
            for _ in range(studies):
                a, b, y, names = one_study(world, random, families, per_family, 10**6)
                test = independent(a, b, y) if per_family == 1 else family_jackknife(a, b, y, names)
                if test is not None:
                    found += [test.interval.low < r - rival < test.interval.high, test.interval.high < 0.05]
            inside, below = found / studies
            yield f"| {r}, {rival}, {between} | {families} x {per_family} | {inside:.3f} | {below:.3f} |"


def nothing_shared(random: np.random.Generator, studies: int) -> Iterator[str]:
    """Pearson's r of two series of one training run that share nothing but their trend."""
    yield "| checkpoints | median of the absolute r | above .9 |"
    yield "|---:|---:|---:|"
    for n in (8, 12, 24):
        trend = np.log(np.linspace(1, 12, n))
        x, y = (trend + 0.15 * random.normal(size=(studies, n)) for _ in range(2))
        r = np.abs(correlation(x, y))
        yield f"| {n} | {np.median(r):.2f} | {np.mean(r > 0.9):.2f} |"


def two_readings(random: np.random.Generator, studies: int) -> Iterator[str]:
    """How often the partial r of one of two equally noisy readings of an ability, given the other, is above 0."""
    yield "| checkpoints | interval of the partial r is above 0 |"
    yield "|---:|---:|"
    for n in (12, 24, 36):
        above = 0
        for _ in range(studies):
            ability = random.normal(size=n)
            x, z, y = (ability + scale * random.normal(size=n) for scale in (0.2, 0.2, 0.1))
            found = partial(x, y, z[:, None])
            above += found is not None and found.interval is not None and found.interval.low > 0
        yield f"| {n} | {above / studies:.2f} |"


def attenuation(random: np.random.Generator, studies: int) -> Iterator[str]:
    """What r becomes if the outcome is noisy, over 24 checkpoints with a true r of .97, and the reliability of y."""
    yield "| tasks x attempts | pass rates | mean r | mean reliability that is printed |"
    yield "|---|---|---:|---:|"
    for tasks, attempts, low, high in ((500, 3, 0.2, 0.6), (500, 1, 0.3, 0.4), (100, 1, 0.3, 0.4)):
        found = []
        for i in range(studies // 10):
            rate = random.uniform(low, high, 24)
            true = np.log(rate / (1 - rate))
            z = (true - true.mean()) / true.std()
            x = 0.97 * z + math.sqrt(1 - 0.97**2) * random.normal(size=24)
            passed, trials = random.binomial(tasks * attempts, rate), np.full(24, tasks * attempts)
            y = logit(passed, trials)
            found.append((float(correlation(x, y)), reliability(y, drawn_from_counts(passed, trials, i)) or 0.0))
        r, of_y = np.mean(found, axis=0)
        yield f"| {tasks} x {attempts} | {low:.0%} to {high:.0%} | {r:.2f} | {of_y:.2f} |"


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=2000)
    studies = parser.parse_args().studies
    for number, table in enumerate(
        (coverage, sizes, powers, difference_coverage, nothing_shared, two_readings, attenuation)
    ):
        print(f"\n{inspect.getdoc(table)}\n")
        for line in table(np.random.default_rng([2026, number]), studies):
            print(line, flush=True)


if __name__ == "__main__":
    main()
