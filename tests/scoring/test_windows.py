import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lm_eval_hesnr.scoring.windows import plan_windows, short_context


def positions(*values):
    return np.array(values, np.int64)


def test_a_text_that_fits_is_one_window_up_to_the_last_wanted_token():
    (window,) = plan_windows(positions(3, 5, 6), window=10, stride=5)
    assert (window.start, window.end, window.positions.tolist()) == (0, 7, [3, 5, 6])


def test_a_case_computed_by_hand():
    plan = list(plan_windows(positions(1, 7, 8, 11, 19), window=8, stride=4))
    # [0, 8) scores 1 and 7; [4, 12) scores 8 and 11; [8, 16) has nothing; [12, 20) scores 19
    assert [(w.start, w.end, w.positions.tolist()) for w in plan] == [(0, 8, [1, 7]), (4, 12, [8, 11]), (12, 20, [19])]
    assert short_context(plan) == 3


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.data())
def test_every_position_once_with_context(data):
    window = data.draw(st.integers(2, 40))
    stride = data.draw(st.integers(1, window - 1))
    wanted = np.array(sorted(data.draw(st.sets(st.integers(1, 300), min_size=1))))
    plan = list(plan_windows(wanted, window, stride))
    assert np.concatenate([w.positions for w in plan]).tolist() == wanted.tolist()
    for w in plan:
        assert len(w.positions)
        assert w.end - w.start <= window
        assert w.positions[-1] == w.end - 1
        context = w.positions - w.start
        assert (context >= np.minimum(w.positions, window - stride)).all()


@pytest.mark.parametrize(("window", "stride"), [(8, 8), (8, 0), (1, 1), (-5, 1), (8, -1)])
def test_a_stride_that_would_leave_positions_without_context_is_refused(window, stride):
    with pytest.raises(ValueError, match=f"^window={window}, stride={stride}: expected 1 <= stride < window"):
        list(plan_windows(positions(1, 20), window, stride))


@pytest.mark.parametrize("n", [1, 5, 1000])
def test_one_token_past_the_window_makes_a_second(n):
    assert len(list(plan_windows(positions(n), window=n + 1, stride=1))) == 1
    assert [w.start for w in plan_windows(positions(1, n + 1), window=n + 1, stride=1)][-1] > 0
