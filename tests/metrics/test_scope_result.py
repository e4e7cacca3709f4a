import numpy as np

from lm_eval_hesnr.metrics.edges import EPSILON
from lm_eval_hesnr.metrics.estimates import estimates
from lm_eval_hesnr.metrics.profile import EntropyProfile, pooled
from lm_eval_hesnr.metrics.scope_result import scope_result
from lm_eval_hesnr.metrics.summary import summary
from lm_eval_hesnr.metrics.thresholds import threshold


def document(seed, n=100):
    rng = np.random.default_rng(seed)
    columns = (-rng.exponential(2, n), rng.uniform(0, 2.3, n), rng.integers(1, 20, n), rng.uniform(0.5, 1, n))
    return EntropyProfile.of_tokens(*columns, k=10)


def test_one_threshold_for_estimates_and_summary():
    profiles = [document(seed) for seed in range(6)]
    for method in ("static", "otsu", "valley"):
        got = scope_result(profiles, list("abcdef"), method=method, epsilon=EPSILON)
        chosen = threshold(pooled(profiles), method, epsilon=EPSILON)
        assert (got.threshold, got.estimates) == (chosen, estimates(profiles, chosen))
        expected = summary(profiles, chosen, static=EPSILON)
        if expected["largest_influence"]:
            expected["largest_influence"]["id"] = "abcdef"[expected["largest_influence"].pop("document")]
        assert got.summary == expected


def test_the_most_influential_document_is_named():
    profiles = [document(seed, n=2000 if seed == 1 else 20) for seed in range(3)]
    influence = scope_result(profiles, ["a", "b", "c"], method="static", epsilon=EPSILON).summary["largest_influence"]
    assert influence.keys() == {"share", "id"}
    assert influence["id"] == "b"
