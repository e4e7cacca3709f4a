import json
import re
from dataclasses import replace

import numpy as np
import pytest

from lm_eval_hesnr.metrics.measures import HIGHER_IS_BETTER, measure, totals
from lm_eval_hesnr.metrics.profile import EPSILON
from lm_eval_hesnr.metrics.scope_result import ScopeResult, scope_result
from lm_eval_hesnr.results.documents import check_documents, document_totals, documents_config
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


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ([], None, "documents: expected an object, found nothing"),
        (["ids"], "ab", "documents, ids: expected a list, found 'ab'"),
        (["ids", 1], 7, "documents, ids, 1: expected a text, found 7"),
        (["ids"], ["a"], "documents, sha256: expected a list of 1, found a list of 3"),
        (["sha256", 0], "0" * 15 + "G", "documents, sha256, 0: expected 16 hexadecimal digits, found '00000"),
        (["columns"], [], "documents, columns: expected one or more different names, found a list of 0"),
        (["columns", 1], "scope.tokens", "documents, columns: expected one or more different names"),
        (["columns", 1], [], "documents, columns, 1: expected a name, found a list of 0"),
        (["epsilon", "all"], "x", "documents, epsilon, all: expected a number from 0 on, or null, found 'x'"),
        (["epsilon"], {}, "documents, totals: expected the scopes of documents, epsilon, found an object"),
        (["totals", "all"], [], "documents, totals, all: expected a list of 3, found a list of 0"),
        (["totals", "all", 2], 5, "documents, totals, all, 2: expected 14 numbers, or -, with one blank"),
        (["totals", "all", 2], "1 2", "documents, totals, all, 2: expected 14 numbers"),
        (["totals", "all", 2], " ".join(["1"] * 15), "documents, totals, all, 2: expected 14 numbers"),
        (["totals", "all", 2], " ".join(["1"] * 13 + ["nan"]), "documents, totals, all, 2: expected 14 numbers"),
        (["totals", "all", 2], " ".join(["1"] * 13 + ["1_0"]), "documents, totals, all, 2: expected 14 numbers"),
        (["totals", "all", 2], " ".join(["1"] * 13 + ["9e+300"]), "documents, totals, all, 2: expected 14 numbers"),
        (["totals", "all", 2], " ".join(["1"] * 13 + ["٣"]), "documents, totals, all, 2: expected 14 numbers"),
        (["totals", "all", 2], " ".join(["1"] * 13 + ["9" * 5000]), "documents, totals, all, 2: expected 14 numbers"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_by_its_key(place, value, message):
    documents = {"": json.loads(json.dumps(documents_config(results(3, ("all",)))))}
    inner = documents
    path = ["", *place]
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(ValueError, match="^" + re.escape(message)) as error:
        check_documents(documents[""], "documents")
    assert len(str(error.value)) < 200


def test_500_documents_are_short_as_the_harness_writes_them():
    """Documents of 25 000 tokens, as those of the paper. The rest of a results file has about 30 kB."""
    one = results(10, ("all",))["all"]
    profiles = [replace(profile, sums=profile.sums * (55 + i)) for i in range(50) for profile in one.profiles]
    names, digests = [f"django__django-{10_000 + i}" for i in range(500)], list(one.digests) * 50
    found = dict.fromkeys(("action", "all"), replace(one, profiles=profiles, names=names, digests=digests))
    written = json.dumps({"configs": {"swe_hesnr": {"documents": documents_config(found)}}}, indent=2)
    assert 150_000 < len(written) < 165_000


def test_very_small_sums_are_read_again():
    one = results(1, ("all",))["all"]
    profiles = [replace(profile, sums=profile.sums * 1e-200) for profile in one.profiles]
    documents = documents_config({"all": replace(one, profiles=profiles)})
    check_documents(documents, "documents")
    assert 0 < np.nanmax(document_totals(documents)["all"]) < 1e-190
