import pytest

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.results.sweep.checkpoint import Checkpoint
from lm_eval_hesnr.results.sweep.duration import duration, seconds_of
from lm_eval_hesnr.results.sweep.failures import RETRY_AFTER, Failures

A, B, C = (Checkpoint(f"checkpoint-{n}", f"runs/checkpoint-{n}", step=n) for n in (1, 20, 300))


def reason(checkpoint):
    return f"error: hf-topk, pretrained={checkpoint.pretrained}: Unrecognized model"


def test_three_in_a_row_for_the_same_reason_are_alike_whatever_their_names():
    failures = Failures(retries=False)
    for one in (A, B):
        failures.add(one, reason(one), 0)
        assert not failures.are_all_alike
    failures.add(C, reason(C), 0)
    assert failures.are_all_alike


def test_a_success_or_another_reason_between_them_counts():
    failures = Failures(retries=False)
    failures.add(A, reason(A), 0)
    failures.add(B, "out of memory", 0)
    failures.add(C, reason(C), 0)
    assert not failures.are_all_alike
    failures = Failures(retries=False)
    failures.add(A, reason(A), 0)
    failures.add(B, reason(B), 0)
    failures.clear(Checkpoint("d", "d"))
    failures.add(C, reason(C), 0)
    assert not failures.are_all_alike


def test_a_watch_tries_a_failed_checkpoint_twice_more():
    failures = Failures(retries=True)
    assert failures.add(A, reason(A), 0.0) == RETRY_AFTER[0]
    assert failures.waits(A, 59.0)
    assert not failures.waits(A, 60.0)
    assert failures.add(A, reason(A), 60.0) == RETRY_AFTER[1]
    assert not failures.is_final(A)
    assert failures.add(A, reason(A), 700.0) is None
    assert failures.is_final(A)
    assert not failures.are_all_alike, "one checkpoint says nothing about the others"


def test_a_watch_counts_only_failures_after_all_retries():
    failures = Failures(retries=True)
    for attempt in range(3):
        for one in (A, B, C):
            assert not failures.are_all_alike, attempt
            failures.add(one, reason(one), 0.0)
    assert failures.are_all_alike


def test_without_a_watch_a_failure_is_final():
    failures = Failures(retries=False)
    assert failures.add(A, reason(A), 0.0) is None
    assert failures.is_final(A)
    assert not failures.is_final(B)


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("1.5m", 90), ("2h", 7200), ("1 d", 86400)])
def test_durations(text, seconds):
    assert seconds_of(text, "--timeout") == seconds


@pytest.mark.parametrize("text", ["", "soon", "2 weeks", "-1", "1h30"])
def test_wrong_durations_are_refused_by_name(text):
    with pytest.raises(InputError, match=r"--timeout .*expected a duration"):
        seconds_of(text, "--timeout")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (5400, "1 h 30 min"), (7200, "2 h")]
)
def test_durations_in_words(seconds, text):
    assert duration(seconds) == text
