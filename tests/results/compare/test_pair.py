import numpy as np
import pytest

from lm_eval_hesnr.metrics.measures import totals
from lm_eval_hesnr.metrics.profile import EPSILON
from lm_eval_hesnr.results.compare.compared_run import ComparedRun
from lm_eval_hesnr.results.compare.pair import Pair, Samples
from tests.builders import compared_run, token_scores


def run(name, better=0.0) -> ComparedRun:
    found = compared_run(name, np.zeros(12))
    scores = [token_scores(seed=i, better=better) for i in range(12)]
    found.totals["action"][:] = [totals(one.profile(one.scored, EPSILON), EPSILON) for one in scores]
    return found


def test_more_resamples_give_the_same_differences_and_intervals():
    one, many = (Pair.of(run("a"), run("b", 0.2), Samples("action", n)).differences for n in (1, 10))
    assert one.keys() == many.keys()
    for name, few in one.items():
        more = many[name]
        assert few is not None, name
        assert few.interval is not None, name
        assert more is not None, name
        assert more.interval is not None, name
        assert more.value == few.value, name
        width = few.interval.high - few.interval.low
        assert more.interval == pytest.approx(few.interval, abs=width / 10 + 1e-12), name
