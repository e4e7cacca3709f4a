"""Trajectories without an action are said in one line, with what looks like a call in them."""

import json
import time

import pytest

from lm_eval_hesnr.cli import main
from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.schema import Segment, Trajectory
from lm_eval_hesnr.trajectories.without_action import call_syntax, is_without_action, without_action_line

UNKNOWN = "Look.\n<run_this>\n<line>ls</line>\n</run_this>\nor <a_word> and List<String>"


def trajectory(*segments):
    return Trajectory("a", "x", None, None, segments)


def thought(text, generated=True):
    return Segment("thought", text, generated)


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        (UNKNOWN, ["<run_this>", "<line>"]),
        ("<think>a</think><b>b</b>", []),
        ("<function=ls></function>", ["<function="]),
        ('<invoke name="ls">', ["<invoke name="]),
        ("```bash\nls\n```\n```sh \nls\n```\n```bash\nls\n```", ["```bash", "```sh"]),
        ("Thought: a\nAction: ls", ["Action:"]),
        ("No call.", []),
    ],
)
def test_the_syntax_seen(text, marks):
    assert call_syntax(trajectory(thought(text), thought("<x_y></x_y>", generated=False))) == marks


def test_what_has_no_action():
    assert is_without_action(trajectory(thought("a")))
    assert not is_without_action(trajectory(thought("a", generated=False)))
    assert not is_without_action(trajectory(thought("a"), Segment("action", "ls", True)))


def test_the_line():
    marks = ["<b>", "<a>", "<b>", "<c>", "<d>"]
    assert without_action_line(3, marks) == "3 trajectories have no action; call syntax seen: <b>, <a>, <c>"
    assert without_action_line(1, []) == "1 trajectory has no action; no call syntax seen"


def test_curate_prints_how_many_trajectories_have_no_action(tmp_path, capsys):
    rows = [[{"role": "user", "content": "Fix it."}, {"role": "assistant", "content": UNKNOWN}]] * 2
    rows += [
        [*rows[0], {"role": "assistant", "content": "<execute_command>\n<command>ls</command>\n</execute_command>"}]
    ]
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps({"messages": row, "id": str(i)}) + "\n" for i, row in enumerate(rows)))
    main(["curate", str(path), "-o", str(tmp_path / "out.jsonl")])
    line = "2 trajectories have no action; call syntax seen: <line>, <run_this>"
    assert line in capsys.readouterr().out.splitlines()
    assert [run.n_steps for run in load_trajectories(path).trajectories] == [0, 0, 1]


@pytest.mark.parametrize("mark", ["<a_b>", "Action:\n", "```bash ", "<function=", "Action:   "])
def test_many_marks_cost_linear_time(mark):
    text = mark * (200_000 // len(mark)) + "".join(f"<a{i}>" for i in range(20_000))
    begin = time.process_time()
    call_syntax(trajectory(thought(text)))
    assert time.process_time() - begin < 2
