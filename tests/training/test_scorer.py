from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.training import scorer


@pytest.fixture
def gathered(monkeypatch):
    """What this process, one of two, sends to the other one, which sends `other`."""
    sent, other = [], [None]

    def gather(own):
        sent.extend(own)
        return [*own, *other]

    monkeypatch.setattr(scorer, "gather_object", gather)
    monkeypatch.setattr(scorer, "broadcast_object_list", lambda own: own)
    monkeypatch.setattr(scorer, "undisturbed", lambda _: nullcontext())
    return sent, other


def score(monkeypatch, evaluate, failure=None):
    """Return the scores of one of two processes, with a function in place of the harness's."""
    task = object.__new__(scorer._RepeatedTask)
    task.failure = failure
    monkeypatch.setattr(task, "forget_answers", lambda: None)
    trainer = SimpleNamespace(accelerator=SimpleNamespace(num_processes=2))
    one = scorer.Scorer(trainer, {}, limit=None, is_chat=False, tokenizer=None, model_args={})
    monkeypatch.setattr(one, "_made", lambda _: (task, None))
    monkeypatch.setattr(scorer, "evaluate", evaluate)
    return one.score(None)


def results(**_):
    return {"results": {scorer.TASK: {"he_snr,action": 0.1}}}


def fails(**_):
    raise ZeroDivisionError("in the aggregation")


def test_an_error_in_the_aggregation_is_sent_to_the_other_processes(gathered, monkeypatch):
    with pytest.raises(ZeroDivisionError):
        score(monkeypatch, fails)
    assert gathered[0] == [None, "ZeroDivisionError('in the aggregation')"]


def test_an_error_in_a_document_is_raised_and_sent_at_the_end(gathered, monkeypatch):
    with pytest.raises(ValueError, match="no answer"):
        score(monkeypatch, results, failure=ValueError("no answer"))
    assert gathered[0] == [None, "ValueError('no answer')"]


def test_an_error_of_the_other_process_is_raised_here(gathered, monkeypatch):
    assert score(monkeypatch, results) == {"he_snr,action": 0.1}

    def other_fails(**_):
        gathered[1][0] = "ZeroDivisionError()"
        return results()

    with pytest.raises(InputError, match=r"process 1: ZeroDivisionError\(\)"):
        score(monkeypatch, other_fails)


def test_a_document_without_measures_keeps_its_error(gathered):
    task = object.__new__(scorer._RepeatedTask)
    assert task.process_results({"index": 0}, []) == {}
    engine = object.__new__(scorer._TrainingModel)
    engine.training_accelerator, engine.check = SimpleNamespace(num_processes=2), task.raise_failure
    with pytest.raises(IndexError):
        engine.gather_object({})
    assert gathered[0] == ["IndexError('list index out of range')"]
