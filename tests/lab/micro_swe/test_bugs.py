"""Bugs, and the edits that take them back."""

import random
import subprocess

import pytest

from lab.grader.edits import edited
from lab.micro_swe.bug import Change
from lab.micro_swe.larger import larger_bugs
from lab.micro_swe.one_token import one_token_bugs
from lab.micro_swe.rendering import prompt, text_of
from lab.micro_swe.sed_command import sed_command

SOURCE = """\
def f(xs, n):
    total = 0
    for x in xs:
        if x not in (1, -n):
            total += max(x, n)
    return total
"""


def rows_of(bugs):
    """The changed rows of all bugs."""
    return {(bug.changes[0].row, bug.broken.splitlines()[bug.changes[0].row - 1].strip()) for bug in bugs}


def test_a_bug_of_level_1_changes_one_token_below_the_first_row():
    rows = rows_of(one_token_bugs(SOURCE, random.Random(0)))
    assert {row for row, _ in rows} == {2, 3, 4, 5, 6}
    assert {
        (2, "total = 1"), (3, "for x in total:"), (4, "if x in (1, -n):"), (4, "if x not in (1, n):"),
        (4, "while x not in (1, -n):"), (5, "total -= max(x, n)"), (5, "total += min(x, n)"), (6, "return n"),
    } <= rows  # fmt: skip
    assert not any(row in SOURCE for row in ("for x not in", "return f"))


def test_the_order_of_the_bugs_is_random_and_their_set_is_not():
    first, second = (list(one_token_bugs(SOURCE, random.Random(seed))) for seed in (1, 2))
    assert first != second
    assert rows_of(first) == rows_of(second)


def test_bugs_of_level_2_are_missing_rows_swapped_rows_and_two_tokens():
    bugs = list(larger_bugs(SOURCE, random.Random(0)))
    assert {bug.kind.partition(":")[0] for bug in bugs} == {"missing row", "rows in the wrong order", "two tokens"}
    assert max(len(bug.changes) for bug in bugs) == 2


@pytest.mark.parametrize("level", [1, 2, 3])
def test_the_right_action_gives_the_right_file_and_ends_with_its_mark(level):
    rng = random.Random(level)
    for bug in [*one_token_bugs(SOURCE, rng), *(larger_bugs(SOURCE, rng) if level > 1 else [])]:
        text = text_of(level, "f", bug, "f([1], 2)", "3", "4")
        action, mark, rest = (text.action + text.stop).partition(text.stop)
        assert (action, mark, rest) == (text.action, text.stop, "")
        assert edited(bug.broken, action, "sed" if level == 3 else "rows") == SOURCE
        assert "f([1], 2) gave 3, not 4\n" in prompt(level, text)


@pytest.mark.parametrize("right", ["    x = a / b + (y & 1) * c[0]", "    x = 'a/b|c&d'", "    x = '#'.join(a) // 2"])
def test_a_sed_command_does_in_a_shell_what_it_says(right, tmp_path):
    changes = Change(2, right), Change(3, "    return x != 'a'", inserts=True)
    (tmp_path / "m.py").write_text("def f():\n    x\n    y\n")
    subprocess.run(["bash", "-c", sed_command(changes)], cwd=tmp_path, check=True)
    assert (tmp_path / "m.py").read_text() == f"def f():\n{right}\n    y\n    return x != 'a'\n"
