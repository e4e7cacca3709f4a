from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lm_eval_hesnr.labels import SCOPES
from lm_eval_hesnr.metrics.estimates import Estimate
from lm_eval_hesnr.metrics.profile import EPSILON
from lm_eval_hesnr.metrics.scope_result import scope_result
from lm_eval_hesnr.results.compare.compared_run import ComparedRun, from_results
from lm_eval_hesnr.results.documents import documents_config
from lm_eval_hesnr.results.run import Run
from tests.builders import run_of_tables, token_scores


def of_results(order, **calibrated) -> ComparedRun:
    """The run of a results file whose documents are in this order."""
    scores = [token_scores(seed=i) for i in order]
    found = scope_result(
        [one.profile(one.in_scope(SCOPES["action"]), EPSILON) for one in scores],
        [f"run {i}" for i in order],
        method="static",
        epsilon=EPSILON,
        digests=[one.digest for one in scores],
    )
    intervals = {"calibrated_he_snr": [0.1, 0.3]} if calibrated else {}
    config: dict[str, Any] = {
        "signature": {"model": "m"},
        "summary": {"action": {"intervals": intervals}},
        "documents": documents_config({"action": found}),
    }
    return from_results(Run("r", "swe_hesnr", calibrated, config), Path("r"))


def test_a_results_file_and_token_tables_give_the_same_documents_in_the_same_order(tmp_path):
    tables = run_of_tables(tmp_path, [token_scores(seed=i) for i in range(6)])
    for order in (range(6), [3, 0, 5, 1, 4, 2]):
        run = of_results(order)
        assert (run.ids, run.digests) == (tables.ids, tables.digests)
        assert run.thresholds == tables.thresholds
        known = np.isfinite(run.totals["action"])
        assert known.sum() == 6 * 14
        assert run.totals["action"][known] == pytest.approx(tables.totals["action"][known], rel=1e-7)


def test_calibrated_he_snr_of_a_results_file_is_the_recorded_one():
    run = of_results(range(6), **{"calibrated_he_snr,action": 0.2, "calibrated_he_snr_stderr,action": 0.05})
    assert run.calibrated == {"action": Estimate(0.2, 0.05, (0.1, 0.3))}  # type: ignore[arg-type]
    assert of_results(range(6)).calibrated == {}
