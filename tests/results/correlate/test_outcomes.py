import json

import pytest

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.results.correlate.outcomes import read_outcomes
from tests.builders import write_rows


def line(checkpoint="a", task="t1", passed=True, **other):
    return {"checkpoint": checkpoint, "task": task, "passed": passed, **other}


def test_trials_are_counted_by_task_and_by_seed(tmp_path):
    rows = [
        line(seed=s, attempt=n, task=t, passed=(t, s) == ("t2", 1))
        for s in (1, 2)
        for n in (1, 2)
        for t in ("t2", "t1")
    ]
    found = read_outcomes(write_rows(tmp_path / "o.jsonl", rows), ["a"])["a"]
    assert (found.passed.tolist(), found.trials.tolist()) == ([0, 2], [4, 4])
    assert (found.seed_passed.tolist(), found.seed_trials.tolist()) == ([2, 0], [4, 4])


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("[" + "{}," * 22_000 + "{}]", "line 1: has 66004 bytes; expected {"),
        ("{", "line 1: is not JSON; expected {"),
        (
            "[1]",
            'line 1: expected an object {"checkpoint": "...", "task": "...", "attempt": 1, "passed": true}, found [1]',
        ),
        (json.dumps(line(checkpoint=7)), "line 1, checkpoint: expected a text, found 7"),
        (json.dumps(line(task=" ")), 'line 1, task: expected a text, found " "'),
        (json.dumps(line(passed="yes")), 'line 1, passed: expected true or false, found "yes"'),
        (json.dumps(line(attempt=[1])), "line 1, attempt: expected a number or a text, found [1]"),
        (
            "\n".join([json.dumps(line())] * 2),
            "line 2, attempt: checkpoint 'a', task 't1', attempt 1 is there twice; number the attempts",
        ),
        (json.dumps(line(checkpoint="c")), "has no line about checkpoint 'a', which SCORES has"),
        (
            "\n".join(map(json.dumps, [line(), line("b"), line("b", "t2")])),
            "task 't2' has outcomes of b and not of a; all checkpoints need the same tasks",
        ),
        (
            "\n".join(map(json.dumps, [line(), line("b"), line("b", attempt=2)])),
            "task 't1' has 2 attempts of b and 1 of a; all checkpoints need the same number",
        ),
    ],
)
def test_a_wrong_line_is_named(content, error, tmp_path):
    path = tmp_path / "o.jsonl"
    path.write_text(content)
    with pytest.raises(InputError) as caught:
        read_outcomes(path, ["a", "b"] if "b" in error else ["a"])
    assert str(caught.value).startswith(str(path))
    assert error in str(caught.value)
