from typing import Any

import numpy as np
import pytest

from lm_eval_hesnr.metrics.bootstrap import Sample, paired_difference
from lm_eval_hesnr.metrics.decomposition import COLUMNS, PARTS, decomposed, part_totals
from lm_eval_hesnr.metrics.measures import totals
from lm_eval_hesnr.metrics.profile import EPSILON, EntropyProfile


def documents(seed, n_docs=12, n=300):
    """Two similar runs on the same tokens: (rows of `part_totals`, totals of A, totals of B)."""
    rng = np.random.default_rng(seed)
    parts: list[Any] = []
    a: list[Any] = []
    b: list[Any] = []
    for _ in range(n_docs):
        entropy = rng.uniform(0.5, 2.2, n)
        runs = []
        for _ in range(2):
            h, rank = (entropy + rng.normal(0, 0.2, n)).clip(0.01, 2.3), rng.integers(1, 14, n)
            logprob = -rng.gamma(2, 0.7, n)
            runs.append((logprob, h, rank))
        s = [np.exp(logprob) / h for logprob, h, _ in runs]
        inside = [(h > EPSILON) & (rank <= 10) for _, h, rank in runs]
        parts.append(part_totals(s[0], inside[0], s[1], inside[1]))
        for rows, columns in zip((a, b), runs, strict=True):
            rows.append(totals(EntropyProfile.of_tokens(*columns, np.ones(n), k=10), EPSILON))
    return tuple(map(np.stack, (parts, a, b)))


def test_the_parts_add_up_to_the_difference_of_he_snr():
    rows, a, b = documents(0)
    found: Any = decomposed(rows)
    expected: Any = paired_difference("he_snr", Sample.of(a), Sample.of(b))
    assert found["total"].value == pytest.approx(expected.value, rel=1e-9)
    assert found["total"].interval == pytest.approx(tuple(expected.interval), rel=1e-9)
    assert found["total"].p_value == expected.p_value
    assert sum(found[name].value for name in ("within", "entering", "leaving")) == pytest.approx(expected.value)


def test_each_part_is_what_it_says():
    s_a, s_b = np.array([0.2, 0.1, 0.3, 9.0]), np.array([0.4, 0.5, 9.0, 0.6])
    in_a, in_b = np.array([True, True, True, False]), np.array([True, True, False, True])
    total = part_totals(s_a, in_a, s_b, in_b)
    assert dict(zip(COLUMNS, total, strict=True)) == pytest.approx(
        {
            "decisions_a": 3,
            "snr_a": 0.6,
            "kept": 2,
            "kept_snr_a": 0.3,
            "kept_snr_b": 0.9,
            "decisions_b": 3,
            "snr_b": 1.5,
        }
    )
    assert {name: float(part(total)) for name, part in PARTS.items()} == pytest.approx(
        {"total": 0.3, "within": 0.3, "entering": 0.05, "leaving": -0.05, "kept": 2 / 3}
    )


def test_equal_runs_have_parts_of_zero_and_keep_all():
    rows, _, _ = documents(1)
    for name in ("decisions_b", "kept"):
        rows[:, COLUMNS.index(name)] = rows[:, COLUMNS.index("decisions_a")]
    for name in ("snr_b", "kept_snr_a", "kept_snr_b"):
        rows[:, COLUMNS.index(name)] = rows[:, COLUMNS.index("snr_a")]
    found: Any = decomposed(rows)
    assert [found[name].value for name in PARTS] == [0, 0, 0, 0, 1]
    assert (found["within"].p_value, found["kept"].p_value) == (1.0, None)


def test_without_common_decisions_only_the_total_is_known():
    rows, _, _ = documents(2)
    for name in ("kept", "kept_snr_a", "kept_snr_b"):
        rows[:, COLUMNS.index(name)] = 0
    found: Any = decomposed(rows)
    assert [name for name, one in found.items() if one is not None] == ["total", "kept"]
    assert found["total"].interval is not None
    assert found["kept"].interval is None
