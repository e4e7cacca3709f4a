import time

import pytest

from lm_eval_hesnr.messages.near import did_you_mean, nearest


@pytest.mark.parametrize(
    ("name", "near"),
    [("acton", "action"), ("ACTION", "action"), ("xyz", None), (3, None), (None, None), (["action"], None)],
)
def test_only_a_similar_name_is_suggested(name, near):
    assert nearest(name, ["action", "all"]) == near
    assert did_you_mean(name, ["action", "all"]) == (f"did you mean {near!r}? " if near else "")


def test_a_long_name_costs_no_time():
    begin = time.monotonic()
    nearest("a" * 10_000_000, ["a" * 50] * 100)
    assert time.monotonic() - begin < 5
