"""The values of one document survive what the harness does with them: samples, aggregation, other ranks, JSON."""

import json
import pickle

from lm_eval_hesnr.harness.documents import DocumentMeasures, ScopeAnswer, TrajectoryRequest


def test_an_answer_from_another_rank_is_written_as_an_own_one():
    answer = ScopeAnswer(-12.5, False, profile=object())
    sent = pickle.loads(pickle.dumps(answer))
    assert sent == answer == (-12.5, False)
    assert json.dumps(sent) == json.dumps(answer) == "[-12.5, false]"
    assert type(sent) is tuple


def test_the_sample_gets_numbers_and_the_aggregation_the_profile():
    """As `lm_eval.evaluator.evaluate` uses what `process_results` returns."""
    measures = DocumentMeasures({"he_snr": None, "ppl": 2.5}, profile="the profile")
    sample: dict = {"doc_id": 0}
    sample.update(measures)
    assert sample == {"doc_id": 0, "he_snr": None, "ppl": 2.5}
    assert list(measures.items()) == [("he_snr", "the profile"), ("ppl", "the profile")]


def test_a_request_gives_its_text_until_a_sample_has_it():
    request = TrajectoryRequest("loglikelihood", doc={"id": "a run"}, arguments=("context", "text"), idx=0)
    assert request.args == ("context", "text")
    request.text_is_in = "action"
    assert request.args == ("a run: see the sample with filter action", "")
    assert request.arguments == ("context", "text")
