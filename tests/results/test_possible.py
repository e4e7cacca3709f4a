"""Numbers in a results file that no run can have."""

import json
import math
import re

import pytest

from lm_eval_hesnr.metrics.profile import EPSILON
from lm_eval_hesnr.results.documents import COLUMNS, check_documents, documents_config
from lm_eval_hesnr.results.results_file import runs_of
from tests.results.test_documents import results


@pytest.fixture(scope="module")
def good():
    """The content of a results file."""
    found = results(6)
    values = {
        f"{name}{ending},{scope}": value
        for scope, one in found.items()
        for name, estimate in one.estimates.items()
        for ending, value in (("", estimate.value), ("_stderr", estimate.stderr))
    }
    config = {
        "signature": {"k": 10},
        "summary": {scope: one.summary for scope, one in found.items()},
        "documents": documents_config(found),
    }
    return json.dumps({"results": {"t": values}, "configs": {"t": config}})


def changed(good, place, value):
    data = json.loads(good)
    inner = data
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return data


MEASURE, SUMMARY = ["results", "t"], ["configs", "t", "summary", "all"]


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ([*MEASURE, "he_snr,all"], -7, "results, t, he_snr,all: expected a number from 0 to 0.829"),
        ([*MEASURE, "he_snr,all"], 0.9, "results, t, he_snr,all: expected a number from 0 to 0.829"),
        ([*MEASURE, "top1_acc,all"], 3, "results, t, top1_acc,all: expected a number from 0 to 1, found 3"),
        ([*MEASURE, "ppl,all"], 0.5, "results, t, ppl,all: expected a number at least 1, found 0.5"),
        ([*MEASURE, "ppl,all"], math.inf, "results, t, ppl,all: expected a number at least 1, found inf"),
        ([*MEASURE, "mean_entropy,all"], 2.4, "results, t, mean_entropy,all: expected a number from 0 to 2.30"),
        ([*MEASURE, "he_ppl_stderr,all"], -1, "results, t, he_ppl_stderr,all: expected a standard error of at least 0"),
        ([*SUMMARY, "epsilon"], -3, "configs, t, summary, all, epsilon: expected a number from 0 on, or null"),
        ([*SUMMARY, "documents"], -4, "configs, t, summary, all, documents: expected a whole number from 0 on"),
        ([*SUMMARY, "intervals", "ppl"], [5, -5], "configs, t, summary, all, intervals, ppl: expected two numbers in"),
        ([*SUMMARY, "intervals", "ppl"], [1, math.inf], "configs, t, summary, all, intervals, ppl: expected two numb"),
        ([*SUMMARY, "near_epsilon"], math.inf, "configs, t, summary, all, near_epsilon: expected a number from 0 on"),
        (["configs", "t", "documents", "epsilon", "all"], -1, "configs, t, documents, epsilon, all: expected a numb"),
    ],
)
def test_an_impossible_number_is_named_by_its_key(good, place, value, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        runs_of(changed(good, place, value), "a run")


@pytest.mark.parametrize("value", [None, "N/A", math.nan, 1 + 1e-6])
def test_missing_numbers_and_numbers_rounded_beyond_their_bound_are_read(good, value):
    assert runs_of(changed(good, [*MEASURE, "topk_acc,all"], value), "a run")
    assert runs_of(changed(good, [*MEASURE, "a_measure_of_the_future,all"], -7), "a run")


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("scope.tokens", "-5", "scope.tokens of at least 0, found -5"),
        ("above.top_k", "99999", "above.top_k of at most above.tokens, found 99999"),
        ("above.tokens", "99999", "above.tokens of at most scope.tokens"),
        ("scope.rank_1", "99999", "scope.rank_1 of at most scope.top_k"),
        ("scope.top_k", "99999", "scope.top_k of at most scope.tokens"),
        ("scope.top_mass", "99999", "scope.top_mass of at most scope.tokens"),
        ("above.snr", "99999", "above.snr of at most above.top_k / epsilon"),
        ("above.q_snr", "inf", "a finite above.q_snr, found inf"),
        ("scope.entropy", "1", "scope.entropy of at least above.tokens * epsilon"),
        ("scope.nll", "-5", "scope.nll of at least 0, found -5"),
    ],
)
def test_impossible_totals_are_named_with_their_document(good, column, value, message):
    documents = json.loads(good)["configs"]["t"]["documents"]
    numbers = documents["totals"]["all"][2].split()
    numbers[COLUMNS.index(column)] = value
    documents["totals"]["all"][2] = " ".join(numbers)
    with pytest.raises(ValueError, match="^documents, totals, all, 2: expected " + re.escape(message)):
        check_documents(documents, "documents")


def test_sums_of_logprobs_may_be_infinite_or_negative_by_rounding(good):
    documents = json.loads(good)["configs"]["t"]["documents"]
    assert documents["epsilon"]["all"] == EPSILON
    for value in ("inf", "-1e-06", "-0"):
        numbers = documents["totals"]["all"][2].split()
        numbers[COLUMNS.index("scope.nll")] = value
        documents["totals"]["all"][2] = " ".join(numbers)
        check_documents(documents, "documents")
