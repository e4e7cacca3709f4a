import json

import numpy as np
import pytest

from lm_eval_hesnr.metrics.measures import HIGHER_IS_BETTER, measure, totals
from lm_eval_hesnr.metrics.profile import EPSILON
from lm_eval_hesnr.metrics.scope_result import ScopeResult, scope_result
from lm_eval_hesnr.results.documents import document_totals, documents_config
from tests.builders import token_scores


def results(n_docs: int, scopes: tuple[str, ...] = ("action", "all"), n_tokens: int = 400) -> dict[str, ScopeResult]:
    """The results of a made-up run, the same in every scope."""
    scores = [token_scores(n_tokens, seed=seed) for seed in range(n_docs)]
    profiles = [one.profile(one.scored, EPSILON) for one in scores]
    names, digests = [f"django__django-{10_000 + i}" for i in range(n_docs)], [one.digest for one in scores]
    found = scope_result(profiles, names, method="static", epsilon=EPSILON, digests=digests)
    return dict.fromkeys(scopes, found)


def test_the_results_file_gives_every_measure_of_every_document():
    found = results(6)
    documents = json.loads(json.dumps(documents_config(found)))
    assert documents["ids"][1] == "django__django-10001"
    assert documents["sha256"] == [token_scores(seed=seed).digest for seed in range(6)]
    assert documents["epsilon"] == {"action": EPSILON, "all": EPSILON}
    rows = document_totals(documents)
    assert set(rows) == {"action", "all"}
    expected = np.stack([totals(profile, EPSILON) for profile in found["all"].profiles])
    for name in HIGHER_IS_BETTER:
        assert measure(name, rows["all"]) == pytest.approx(measure(name, expected), rel=1e-7), name


def test_totals_that_are_not_known_stay_unknown():
    scores = token_scores()
    old = scores.profile(scores.scored, EPSILON)
    old.sums[:, -1] = np.nan  # no bytes
    found = scope_result([old], ["a"], method="valley", epsilon=EPSILON)  # and no threshold
    assert found.threshold is None
    documents = documents_config({"all": found})
    assert documents["epsilon"] == {"all": None}
    assert documents["totals"]["all"][0].endswith(" - - - - - - - -")
    (row,) = document_totals(documents)["all"]
    known = [name for name in HIGHER_IS_BETTER if np.isfinite(measure(name, row))]
    assert known == ["ppl", "top1_acc", "topk_acc", "mean_entropy", "mean_top_mass"]


def test_columns_are_read_by_name():
    documents = documents_config(results(3, ("all",)))
    whole = document_totals(documents)["all"]
    order = [1, 3, 0]
    fewer = documents | {
        "columns": ["new", *(documents["columns"][i] for i in order)],
        "totals": {"all": [" ".join(["7", *(line.split()[i] for i in order)]) for line in documents["totals"]["all"]]},
    }
    rows = document_totals(fewer)["all"]
    is_known = np.isfinite(rows).all(axis=0)
    assert is_known.sum() == 3
    assert (rows[:, is_known] == whole[:, is_known]).all()
