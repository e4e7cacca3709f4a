from functools import partial
from typing import Any

import numpy as np

from lm_eval_hesnr.metrics.bootstrap import effective_documents, interval, replicates, spread
from lm_eval_hesnr.metrics.edges import EPSILON
from lm_eval_hesnr.metrics.estimates import Estimate, estimates
from lm_eval_hesnr.metrics.measures import HIGHER_IS_BETTER, measure, measures, totals, weights
from lm_eval_hesnr.metrics.profile import EntropyProfile


def document(seed, n=100):
    rng = np.random.default_rng(seed)
    columns = (-rng.exponential(2, n), rng.uniform(0, 2.3, n), rng.integers(1, 20, n), rng.uniform(0.5, 1, n))
    return EntropyProfile.of_tokens(*columns, k=10)


def test_one_pass_gives_what_each_function_gives():
    profiles = [document(seed) for seed in range(8)]
    rows = np.stack([totals(profile, EPSILON) for profile in profiles])
    got = estimates(profiles, EPSILON)
    assert list(got) == list(HIGHER_IS_BETTER)
    assert {name: found.value for name, found in got.items()} == measures(profiles, EPSILON)
    for name, found in got.items():
        values: Any = replicates(partial(measure, name), rows)
        assert found.stderr == spread(values, len(rows))
        assert found.interval == interval(values, effective_documents(weights(name, rows)))


def test_one_document_has_values_alone():
    one = document(0)
    assert estimates([one], EPSILON)["ppl"] == Estimate(measures([one], EPSILON)["ppl"], None, None)


def test_without_a_threshold_there_are_no_decisions_but_the_rest():
    got = estimates([document(seed) for seed in range(8)], None)
    for name in ("he_snr", "he_ppl", "decisions", "decision_rate"):
        assert got[name] == Estimate(None, None, None)
    assert None not in got["ppl"]
