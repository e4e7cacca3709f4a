import pytest

from tests.builders import assert_linear


def test_quadratic_work_is_told_from_linear_work():
    assert_linear(lambda n: sum(range(n)), 200_000)
    with pytest.raises(AssertionError, match=r"s for 1600, .* s for 100"):
        assert_linear(lambda n: [sum(range(n)) for _ in range(n)], 1600)
