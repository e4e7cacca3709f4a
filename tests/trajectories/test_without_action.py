"""Trajectories without an action are said in one line, with what looks like a call in them."""

import json
import time

import pytest

from lm_eval_hesnr.cli import main
from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.schema import Segment, Trajectory
from lm_eval_hesnr.trajectories.without_action import UnreadCalls, call_syntax, unread_calls, unread_calls_lines

UNKNOWN = "Look.\n<run_this>\n<line>ls</line>\n</run_this>\nor <a_word> and List<String>"


def trajectory(*segments):
    return Trajectory("a", "x", None, None, segments)


def thought(text, generated=True):
    return Segment("thought", text, generated)


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        (UNKNOWN, ["<run_this>"]),
        ("<think>a</think><b>b</b>", []),
        ("<a_b><c_d>x</c_d></a_b><c_d>y</c_d><div><c_d>z</c_d></div>", ["<c_d>", "<a_b>"]),
        ("<thinking><a_b>x</a_b></thinking>", []),
        ("<function=ls><arg>x</arg></function>", ["<function="]),
        ('<invoke name="ls">', ["<invoke name="]),
        ("```bash\nls\n```\n```sh \nls\n```\n```bash\nls\n```", ["```bash", "```sh"]),
        ("Thought: a\nAction: ls", ["Action:"]),
        ("No call.", []),
    ],
)
def test_the_syntax_seen(text, marks):
    assert call_syntax(trajectory(thought(text), thought("<x_y></x_y>", generated=False))) == marks


ACTION = Segment("action", "ls", True)


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("<execute_command>\n<command>ls</command>\n</execute_command>", ("<execute_command>",)),
        ("<tool_call>\n{}\n</tool_call>", ("<tool_call>",)),
        ('<invoke name="ls">', ("<invoke name=",)),
        ("<think><function=ls></function></think>", ()),
        ("Use <read_file> or <read_file></read_file>.", ()),
        ("```bash\nls\n```\n<a_b></a_b>\nAction: ls", ()),  # an explanation
    ],
)
def test_beside_actions_only_the_calls_of_agents_count(text, marks):
    assert tuple(call_syntax(trajectory(thought(text), ACTION))) == marks
    assert unread_calls(trajectory(thought(text), ACTION), "p") == (UnreadCalls("p", True, marks) if marks else None)


def test_what_has_no_action():
    assert unread_calls(trajectory(thought("a")), "p") == UnreadCalls("p", False, ())
    assert unread_calls(trajectory(thought("a", generated=False)), "p") is None
    assert unread_calls(trajectory(thought("a"), ACTION), "p") is None


def test_the_lines():
    found = [UnreadCalls(name, False, marks) for name, marks in [("p", ("<b>", "<a>")), ("q", ("<b>", "<c>", "<d>"))]]
    found += [UnreadCalls("q", False, ("<b>",)), UnreadCalls("r", False, ()), UnreadCalls("s", True, ("<a>",))]
    seen = "3 trajectories have no action; call syntax seen: <b>, <a>, <c>"
    chat = "1 trajectory has no action; no call syntax seen"
    beside = "1 trajectory has actions, but also text that looks like an unread call: <a>"
    assert list(unread_calls_lines(found)) == [seen, chat, beside]
    assert list(unread_calls_lines(found, verbose=True)) == [f"{seen} (in p, q)", f"{chat} (in r)", f"{beside} (in s)"]
    assert list(unread_calls_lines([])) == []


def test_curate_prints_how_many_trajectories_have_no_action(tmp_path, capsys):
    rows = [[{"role": "user", "content": "Fix it."}, {"role": "assistant", "content": UNKNOWN}]] * 2
    rows += [
        [*rows[0], {"role": "assistant", "content": "<execute_command>\n<command>ls</command>\n</execute_command>"}]
    ]
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps({"messages": row, "id": str(i)}) + "\n" for i, row in enumerate(rows)))
    main(["curate", str(path), "-o", str(tmp_path / "out.jsonl")])
    line = "2 trajectories have no action; call syntax seen: <run_this>"
    assert line in capsys.readouterr().out.splitlines()
    main(["curate", str(path), "-o", str(tmp_path / "again.jsonl"), "-v"])
    assert f"{line} (in {path})" in capsys.readouterr().out.splitlines()
    assert [run.n_steps for run in load_trajectories(path).trajectories] == [0, 0, 1]


@pytest.mark.parametrize(
    "mark", ["<a_b>", "<a_b></a_b>", "Action:\n", "```bash ", "<function=", "Action:   ", "<think>"]
)
def test_many_marks_cost_linear_time(mark):
    text = mark * (200_000 // len(mark)) + "".join(f"<a{i}>" for i in range(20_000))
    begin = time.process_time()
    call_syntax(trajectory(thought(text)))
    call_syntax(trajectory(thought(text), ACTION))
    assert time.process_time() - begin < 2


def test_many_segments_cost_linear_time():
    run = trajectory(*[thought("a")] * 20_000, ACTION)
    begin = time.process_time()
    assert unread_calls(run, "p") is None
    assert time.process_time() - begin < 2
