import math
import os
import subprocess
import sys
import tracemalloc
from typing import Any

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]

from lm_eval_hesnr.metrics.bootstrap import (
    Sample,
    effective_documents,
    fewest_documents,
    interval,
    least_p,
    paired_difference,
    replicates,
    resampled,
    spread,
    width_by_size,
)
from lm_eval_hesnr.metrics.measures import HIGHER_IS_BETTER, measure, totals, weights
from lm_eval_hesnr.metrics.profile import EPSILON, SUMS, EntropyProfile

TOKENS, ENTROPY, RANK_1 = (SUMS.index(name) for name in ("tokens", "entropy", "rank_1"))


def document_totals(n_docs, seed=0):
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n_docs):
        n = int(rng.integers(50, 150))
        columns = (-rng.exponential(2, n), rng.uniform(0, 2.3, n), rng.integers(1, 20, n), rng.uniform(0.5, 1, n))
        rows.append(totals(EntropyProfile.of_tokens(*columns, k=10), EPSILON))
    return np.stack(rows)


def means(values):
    """Documents of one token each: `mean_entropy` is the mean of the values."""
    rows = np.zeros((len(values), 2 * len(SUMS)))
    rows[:, TOKENS] = 1
    rows[:, ENTROPY] = values
    return rows


def standard_error(name, rows):
    values = replicates(lambda total: measure(name, total), rows)
    return None if values is None else spread(values, len(rows))


def interval_of(name, rows):
    return interval(replicates(lambda total: measure(name, total), rows), effective_documents(weights(name, rows)))


def paired(name, a, b) -> Any:
    return paired_difference(name, Sample.of(a), Sample.of(b))


def test_standard_error_equals_scipys_but_for_the_factor():
    rows = document_totals(12)
    pairs = (rows[:, RANK_1], rows[:, TOKENS])
    independent = stats.bootstrap(
        pairs, lambda a, b, axis: a.sum(axis) / b.sum(axis), paired=True, n_resamples=5000, rng=np.random.default_rng(7)
    )
    assert standard_error("top1_acc", rows) == pytest.approx(independent.standard_error * math.sqrt(12 / 11), rel=0.04)


@pytest.mark.parametrize("n", [8, 200])
def test_of_a_mean_error_and_interval_are_the_textbooks(n):
    """The usual standard error, and Student's interval; 97 % for 95 % would be 11 % wider."""
    values = np.random.default_rng(1).normal(1, 0.2, n)
    expected = stats.t.interval(0.95, n - 1, values.mean(), stats.sem(values))
    rows = means(values)
    got = interval_of("mean_entropy", rows)
    assert standard_error("mean_entropy", rows) == pytest.approx(stats.sem(values), rel=0.04)
    assert got.high - got.low == pytest.approx(expected[1] - expected[0], rel=0.07)
    assert (got.low, got.high) == pytest.approx(expected, abs=0.2 * (expected[1] - expected[0]))


def test_the_interval_is_scipys_percentile_interval_at_the_expanded_level():
    rows = document_totals(15)
    tokens = rows[:, TOKENS]
    n = tokens.sum() ** 2 / (tokens**2).sum()
    assert effective_documents(tokens) == n
    level = 2 * stats.norm.cdf(math.sqrt(n / (n - 1)) * stats.t.ppf(0.975, n - 1)) - 1
    independent = stats.bootstrap(
        (rows[:, RANK_1], tokens),
        lambda a, b, axis: a.sum(axis) / b.sum(axis),
        paired=True, method="percentile", confidence_level=level, n_resamples=20_000, rng=np.random.default_rng(7),
    ).confidence_interval  # fmt: skip
    width = independent.high - independent.low
    assert interval_of("top1_acc", rows) == pytest.approx(tuple(independent), abs=0.06 * width)


def test_unequal_documents_count_as_fewer():
    assert effective_documents(np.ones(20)) == 20
    assert effective_documents(np.array([4.0, *[1.0] * 16])) == 20**2 / 32
    assert effective_documents(np.array([1000.0, *[1.0] * 16])) == 5.0
    assert effective_documents(np.array([1.0] * 4 + [0.0] * 16)) is None


def test_is_the_same_each_time():
    rows = document_totals(6)
    assert standard_error("he_snr", rows) == standard_error("he_snr", rows)
    assert interval_of("he_snr", rows) == interval_of("he_snr", rows)


@pytest.mark.end_to_end
def test_is_the_same_for_any_number_of_threads():
    program = (
        "import hashlib, numpy as np; from lm_eval_hesnr.metrics.bootstrap import resampled;"
        "rows = np.random.default_rng(0).normal(size=(501, 17));"
        "print(hashlib.sha256(resampled(rows, 501).tobytes()).hexdigest())"
    )
    found = set()
    for threads in ("1", "2"):
        names = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), threads)
        found.add(subprocess.check_output([sys.executable, "-c", program], env=os.environ | names))
    assert len(found) == 1


def test_draws_of_20_000_documents_are_not_held_at_once():
    tracemalloc.start()
    resampled(np.ones((20_000, 1)), 20_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100e6


def test_every_draw_has_as_many_documents_as_wanted():
    assert set(resampled(np.ones((7, 1)), 7)[:, 0]) == {7.0}
    assert set(resampled(np.ones((7, 1)), 50)[:, 0]) == {50.0}


def test_few_documents_have_no_interval_and_one_no_error():
    assert standard_error("he_snr", document_totals(1)) is None
    assert interval_of("he_snr", document_totals(1)) is None
    assert interval_of("he_snr", document_totals(4)) is None
    assert interval_of("he_snr", document_totals(5)) is not None


def test_none_where_a_resample_may_have_nothing_to_measure():
    rows = document_totals(3)
    rows[1:] = 0
    assert standard_error("he_snr", rows) is None


def test_a_paired_difference_is_scipys_and_needs_the_pairing():
    a, b = document_totals(25), document_totals(25, seed=1)
    b = a + 0.1 * (b - a)  # each document of B is like its own of A

    def difference(a1, a0, b1, b0, axis):
        return b1.sum(axis) / b0.sum(axis) - a1.sum(axis) / a0.sum(axis)

    columns = (a[:, ENTROPY], a[:, TOKENS], b[:, ENTROPY], b[:, TOKENS])
    got = paired("mean_entropy", a, b)
    n: Any = effective_documents(a[:, TOKENS])
    level = 2 * stats.norm.cdf(math.sqrt(n / (n - 1)) * stats.t.ppf(0.975, n - 1)) - 1
    independent = stats.bootstrap(
        columns, difference,
        paired=True, method="percentile", confidence_level=level, n_resamples=20_000, rng=np.random.default_rng(3),
    ).confidence_interval  # fmt: skip
    assert got.value == pytest.approx(difference(*columns, 0), rel=1e-12)
    assert got.interval == pytest.approx(tuple(independent), abs=0.08 * (independent.high - independent.low))
    wrong = paired("mean_entropy", a, b[::-1]).interval
    assert wrong.high - wrong.low > 2 * (got.interval.high - got.interval.low)


def test_p_of_a_difference_of_means_is_students():
    rng = np.random.default_rng(5)
    for shift in (0.0, 0.03, 0.06, 0.1):
        a = rng.normal(1, 0.3, 40)
        b = a + rng.normal(shift, 0.2, 40)
        got = paired("mean_entropy", means(a), means(b)).p_value
        assert got == pytest.approx(stats.ttest_rel(a, b).pvalue, rel=0.2, abs=0.004)


def test_p_is_below_0_05_just_where_the_interval_leaves_0_out():
    rng = np.random.default_rng(6)
    agreed = set()
    for n in (5, 8, 20, 60):
        for _ in range(25):
            a = rng.normal(1, 0.3, n)
            got = paired("mean_entropy", means(a), means(a + rng.normal(1.0 / n, 0.2, n)))
            assert (got.p_value < 0.05) == (not got.interval.low <= 0 <= got.interval.high)
            agreed.add(got.p_value < 0.05)
    assert agreed == {True, False}


def test_the_least_p_of_many_documents_is_two_of_2001():
    a = np.random.default_rng(0).normal(1, 0.1, 3000)
    assert paired("mean_entropy", means(a), means(a + 1)).p_value == pytest.approx(2 / 2001, rel=0.02)


def test_one_document_fewer_than_the_fewest_cannot_give_the_p_value():
    for level in (0.03, 0.01, 0.002):
        n = int(fewest_documents(np.ones(7), level))
        assert least_p(n) < level <= least_p(n - 1)
    unequal = np.array([1.0, 2, 3, 10])
    effective = effective_documents(np.tile(unequal, 100))
    assert effective is not None
    share = effective / 400
    assert fewest_documents(unequal, 0.01) == math.ceil(fewest_documents(np.ones(4), 0.01) / share)
    assert fewest_documents(unequal, 2 / 2002) == math.inf


def test_a_run_against_itself_differs_by_nothing():
    a = document_totals(10)
    got = paired("he_snr", a, a)
    assert (got.value, got.p_value) == (0.0, 1.0)


def test_pairs_need_the_same_trajectories():
    a = document_totals(6)
    with pytest.raises(ValueError, match="6 and 5"):
        paired("he_snr", a, a[1:])


def test_more_trajectories_give_a_narrower_interval():
    rows = document_totals(30)
    widths = width_by_size("he_snr", rows, (30, 50, 200, 500))
    own = interval_of("he_snr", rows)
    assert widths[30] == own.high - own.low
    assert widths[200] == pytest.approx(widths[50] / 2, rel=0.1)
    assert widths[500] == pytest.approx(widths[200] * math.sqrt(2 / 5), rel=0.1)
    assert list(width_by_size("he_snr", rows)) == [50, 100, 200, 500]


def test_widths_are_those_of_students_interval():
    values = np.random.default_rng(2).normal(1, 0.2, 10)
    expected = {n: 2 * stats.t.ppf(0.975, n - 1) * values.std(ddof=1) / math.sqrt(n) for n in (50, 500)}
    assert width_by_size("mean_entropy", means(values), (50, 500)) == pytest.approx(expected, rel=0.06)


def test_a_document_weighs_by_its_decisions_or_by_its_tokens():
    rows = np.arange(2.0 * 2 * len(SUMS)).reshape(2, -1)
    decisions = ("he_snr", "he_ppl", "decisions", "q_over_entropy")
    for name in HIGHER_IS_BETTER:
        column = TOKENS
        if name in decisions:
            column = len(SUMS) + SUMS.index("top_k")
        elif name == "self_he_snr":
            column = len(SUMS) + TOKENS
        assert weights(name, rows).tolist() == rows[:, column].tolist(), name


def test_a_paired_difference_counts_the_documents_of_the_more_unequal_run():
    equal = means(np.random.default_rng(8).normal(1, 0.2, 20))
    unequal = equal * np.array([19.0, *[1.0] * 19])[:, None]
    got, back = paired("mean_entropy", equal, unequal), paired("mean_entropy", unequal, equal)
    half = equal.shape[1]
    values = replicates(
        lambda total: measure("mean_entropy", total[:, half:]) - measure("mean_entropy", total[:, :half]),
        np.concatenate([equal, unequal], axis=1),
    )
    assert got.interval == interval(values, 5.0)
    assert back.interval == (-got.interval.high, -got.interval.low)
