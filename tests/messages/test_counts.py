import pytest

from lm_eval_hesnr.messages.counts import counted, first_names, quoted


@pytest.mark.parametrize(
    ("n", "noun", "text"),
    [
        (0, "run", "0 runs"),
        (1, "trajectory", "1 trajectory"),
        (2, "trajectory", "2 trajectories"),
        (3, "run", "3 runs"),
    ],
)
def test_a_number_has_its_noun(n, noun, text):
    assert counted(n, noun) == text


@pytest.mark.parametrize(
    ("names", "text"), [([], ""), (["a"], "a"), (["a", "b", "c"], "a, b, c"), (["a", "b", "c", "d"], "a, b, c, ...")]
)
def test_more_than_three_names_are_cut_with_dots(names: list[str], text: str) -> None:
    assert first_names(names) == text


def test_a_name_that_looks_like_several_is_quoted():
    assert quoted("step200") == "step200"
    assert [quoted(name) for name in ("a, b", "a and b", "a -> b")] == ['"a, b"', '"a and b"', '"a -> b"']
