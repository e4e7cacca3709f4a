import pytest

from lm_eval_hesnr.messages.counts import counted


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
