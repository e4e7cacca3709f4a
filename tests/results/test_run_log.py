import logging

import pytest

from lm_eval_hesnr.metrics.profile import EPSILON
from lm_eval_hesnr.metrics.scope_result import scope_result
from lm_eval_hesnr.results.about_run import about_run
from lm_eval_hesnr.results.run_log import log_end_of_run
from tests.builders import token_scores


@pytest.mark.parametrize(("n_runs", "is_shown"), [(6, True), (4, False)])
def test_a_run_ends_with_the_intervals_of_its_scopes_if_there_are_some(n_runs, is_shown, caplog):
    profiles = [one.profile(one.scored, EPSILON) for one in (token_scores(seed=i) for i in range(n_runs))]
    found = scope_result(profiles, [f"run {i}" for i in range(n_runs)], method="static", epsilon=EPSILON)
    results = dict.fromkeys(("action", "all"), found)
    about = about_run({"k": 10, "threshold": "static", "model": "m"}, {}, [], results)
    with caplog.at_level(logging.INFO, logger="lm_eval.hesnr"):
        log_end_of_run("swe_hesnr", about, results, [])
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]
    interval = found.estimates["he_snr"].interval
    assert is_shown == (interval is not None)
    if interval is None:
        assert lines == []
        return
    title, head, *rows = lines
    assert (title, head.split()[:2]) == ("swe_hesnr, m:", ["scope", "he_snr"])
    assert [row.split()[0] for row in rows] == ["action", "all"]
    assert f"  {interval.low:.4f} to {interval.high:.4f}  " in rows[0]
