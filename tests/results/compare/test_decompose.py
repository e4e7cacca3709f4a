from typing import Any

import numpy as np
import pytest

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.labels import SCOPES
from lm_eval_hesnr.metrics.profile import EPSILON
from lm_eval_hesnr.results.compare.decompose import decompose
from tests.builders import compared_run, run_of_tables, token_scores


def test_the_parts_are_those_of_the_tokens_read_one_by_one(tmp_path):
    a = run_of_tables(tmp_path / "a", [token_scores(seed=i) for i in range(6)])
    b = run_of_tables(tmp_path / "b", [token_scores(seed=i, other=True) for i in reversed(range(6))])
    found: Any = decompose(a, b, SCOPES["action"], EPSILON)
    s_a, s_b, kept_a, kept_b = [], [], [], []
    for i in range(6):
        one, other = token_scores(seed=i), token_scores(seed=i, other=True)
        for t in np.flatnonzero(one.scored & (one.labels == 0)):
            here, there = ((x.entropy[t].astype(float) > EPSILON and x.rank[t] <= 10) for x in (one, other))
            snr_a, snr_b = (np.exp(float(x.logprob[t])) / float(x.entropy[t]) for x in (one, other))
            s_a += [snr_a] if here else []
            s_b += [snr_b] if there else []
            kept_a += [snr_a] if here and there else []
            kept_b += [snr_b] if here and there else []
    assert 0 < len(kept_a) < min(len(s_a), len(s_b))
    expected = {
        "total": np.mean(s_b) - np.mean(s_a),
        "within": np.mean(kept_b) - np.mean(kept_a),
        "entering": np.mean(s_b) - np.mean(kept_b),
        "leaving": np.mean(kept_a) - np.mean(s_a),
        "kept": len(kept_a) / len(s_a),
    }
    assert {name: one.value for name, one in found.items()} == pytest.approx(expected)
    assert all(one.interval.low <= one.value <= one.interval.high for one in found.values())


def test_a_results_file_has_no_tokens_to_decompose(tmp_path):
    with pytest.raises(InputError, match="b: --decompose needs token tables, and a results file has none"):
        decompose(run_of_tables(tmp_path / "a", [token_scores()]), compared_run("b", [0.1]), SCOPES["action"], EPSILON)
