import pytest

from lm_eval_hesnr.messages import near
from lm_eval_hesnr.messages.near import did_you_mean, nearest


@pytest.mark.parametrize(
    ("name", "expected"),
    [("acton", "action"), ("ACTION", "action"), ("xyz", None), (3, None), (None, None), (["action"], None)],
)
def test_only_a_similar_name_is_suggested(name, expected):
    assert nearest(name, ["action", "all"]) == expected
    assert did_you_mean(name, ["action", "all"]) == (f"did you mean {expected!r}? " if expected else "")


def test_only_the_beginning_of_a_long_name_is_compared(monkeypatch):
    """The time of a comparison grows with the square of the length."""
    compared = []

    def close_matches(name, *_, **__):
        compared.append(name)
        return []

    monkeypatch.setattr(near.difflib, "get_close_matches", close_matches)
    nearest("a" * 10_000_000, ["a" * 50] * 100)
    assert compared == ["a" * 100]
