"""An action is applied to a file as it says, or refused."""

import pytest

from lab.grader.edits import LONGEST_ACTION, edited
from lab.grader.no_edit import NoEditError

SOURCE = "def f(xs):\n    n = 0\n    return n\n"


@pytest.mark.parametrize(
    ("action", "rows"),
    [
        ("2|    n = 1", ["def f(xs):", "    n = 1", "    return n"]),
        ("2|    n = 1\n", ["def f(xs):", "    n = 1", "    return n"]),
        ("2|    n = 1\n3|    return -n", ["def f(xs):", "    n = 1", "    return -n"]),
        ("1+|    print", ["def f(xs):", "    print", "    n = 0", "    return n"]),
        ("1+|    a\n2|    b\n1+|    c", ["def f(xs):", "    a", "    c", "    b", "    return n"]),
        ("3|", ["def f(xs):", "    n = 0", ""]),
        ("2|    n = 1 | 2", ["def f(xs):", "    n = 1 | 2", "    return n"]),
    ],
)
def test_rows_are_replaced_and_inserted_by_the_numbers_of_the_shown_file(action, rows):
    assert edited(SOURCE, action, "rows") == "\n".join(rows) + "\n"


@pytest.mark.parametrize("end", list("\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"))
def test_a_row_of_an_edit_is_one_row(end):
    assert len(f"a{end}b".splitlines()) == 2
    with pytest.raises(NoEditError):
        edited(SOURCE, f"2|    n = 1{end}    n = 2", "rows")
    with pytest.raises(NoEditError):
        edited(SOURCE, f"sed -i '2s/0/1{end}/' m.py", "sed")


@pytest.mark.parametrize(
    "action",
    ["", "2", "x|y", "0|x", "4|x", "-1|x", "2|x\n2|y", "2|a\n\n3|b", "٢|x", "1+|a\n" * 5, "2|" + "x" * LONGEST_ACTION],
)
def test_what_is_not_an_edit_is_refused(action):
    with pytest.raises(NoEditError):
        edited(SOURCE, action, "rows")
