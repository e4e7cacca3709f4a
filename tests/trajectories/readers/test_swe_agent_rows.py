"""Rows of SWE-agent runs: SWE-smith's three splits and nebius's data."""

import json
import re
from pathlib import Path

import pytest

from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.readers import swe_agent_rows
from lm_eval_hesnr.trajectories.schema import Call, Segment
from tests.builders import read_record

HEAD = [{"role": "system", "content": "You fix bugs."}, {"role": "user", "content": "It is broken."}]
INVENTED = "Since we have successfully fixed the issue and verified it works, let's submit the changes:"


def assistant(text, **more):
    return {"role": "assistant", "content": text, **more}


def user(text):
    return {"role": "user", "content": text}


def row(*messages, **more):
    columns = {
        "instance_id": "org__repo.1",
        "traj_id": "org__repo.1.abc",
        "resolved": True,
        "model": "claude",
        "patch": "diff",
    }
    return {"messages": [*HEAD, *messages], **columns, **more}  # fmt: skip


def read(data):
    return read_record(data, Path("rows.jsonl"))


def brief(trajectory):
    """(kind, text, generated, executed of each call) of each segment after the issue."""
    rows = [(s.kind, s.text, s.generated, [c.executed for c in s.calls]) for s in trajectory.segments]
    assert rows[:2] == [("system", "You fix bugs.", False, []), ("task", "It is broken.", False, [])]
    return rows[2:]


LS = "<function=bash>\n<parameter=command>ls</parameter>\n</function>"
SUBMIT = "<function=submit>\n</function>"


def test_split_xml():
    values = "<parameter=command>create</parameter>\n<parameter=file_text>\nx = 1\n</parameter>"
    create = f"<function=str_replace_editor>\n{values}\n</function>"
    trajectory = read(
        row(
            assistant(f"Look.\n\n{LS}"),
            user("OBSERVATION:\na"),
            assistant(create),
            user("Your command ran."),
            assistant(SUBMIT),
        )
    )
    assert trajectory.segments[2:] == (
        Segment("thought", "Look.\n\n", generated=True),
        Segment("action", LS, generated=True, calls=(Call("bash", {"command": "ls"}, True),), continues=True),
        Segment("observation", "OBSERVATION:\na"),
        Segment(
            "action",
            create,
            generated=True,
            calls=(Call("str_replace_editor", {"command": "create", "file_text": "x = 1"}, True),),
        ),
        Segment("observation", "Your command ran."),
        Segment("action", SUBMIT, generated=True, calls=(Call("submit", {}, True),)),
    )
    assert (trajectory.id, trajectory.source) == ("org__repo.1.abc", "swe-smith")
    assert (trajectory.resolved, trajectory.model) == (True, "claude")
    assert trajectory.meta == {"instance_id": "org__repo.1", "style": "xml"}


def test_split_ticks():
    look = assistant("A:\n```py\nx\n```\n\n```\nls\n```")
    trajectory = read(row(look, user("OBSERVATION:\na"), assistant("```\nsubmit\n```")))
    assert brief(trajectory) == [
        ("thought", "A:\n```py\nx\n```\n\n", True, []),
        ("action", "```\nls\n```", True, [True]),
        ("observation", "OBSERVATION:\na", False, []),
        ("action", "```\nsubmit\n```", True, [True]),
    ]


def test_split_tool_has_the_agents_own_messages():
    calls = [{"id": "c", "type": "function", "function": {"name": "bash", "arguments": '{"command": "ls"}'}}]
    more = {"agent": "main", "message_type": "action", "action": "ls"}
    messages = [
        assistant([{"type": "text", "text": "Look."}], tool_calls=calls, **more),
        {"role": "tool", "content": [{"type": "text", "text": "OBSERVATION:\na"}], "tool_call_ids": ["c"]},
        assistant("Exit due to cost limit", **more | {"action": ""}),
    ]
    expected = [
        ("thought", "Look.", True, []),
        ("action", '{"command": "ls"}', True, [True]),
        ("observation", "OBSERVATION:\na", False, []),
        ("other", "Exit due to cost limit", False, []),
    ]
    data = row(*messages)
    assert brief(read(data)) == expected
    assert brief(read(data | {"messages": json.dumps(data["messages"])})) == expected
    assert brief(read(data | {"messages": [[message] for message in data["messages"]]})) == expected


@pytest.mark.parametrize(
    ("style", "text"),
    [
        (LS, f"{INVENTED}\n\n{SUBMIT}"),
        (LS, "Exit due to context window\n\n"),
        ("```\nls\n```", "Exit due to cost limit\n\n```\n\n```"),
    ],
)
def test_an_invented_last_reply_is_not_text_of_the_model(style, text):
    trajectory = read(row(assistant(style), user("OBSERVATION:\na"), assistant(text)))
    assert brief(trajectory)[2:] == [("other", text, False, [])]


def test_without_a_patch_it_is_unknown_whether_the_last_submit_ran():
    data = {"messages": [*HEAD, assistant(LS), user("OBSERVATION:\na"), assistant(SUBMIT)], "instance_id": "i"}
    trajectory = read(data)
    assert [c.executed for s in trajectory.segments for c in s.calls] == [True, None]
    assert (trajectory.id, trajectory.resolved) == ("i", None)


def nebius(*turns, **more):
    head = [
        {"role": "system", "system_prompt": "You fix bugs.", "text": None, "mask": False, "cutoff_date": "x"},
        {"role": "user", "system_prompt": None, "text": "It is broken.", "mask": False, "cutoff_date": None},
    ]
    rows = [{"role": role, "system_prompt": None, "text": text, "mask": role == "ai"} for role, text in turns]
    columns = {"instance_id": "i", "model_name": "llama", "target": False, "exit_status": "submitted"}
    return {"trajectory": [*head, *rows], **columns, **more}


def test_nebius():
    turns = [("ai", "Look.\n```\nls\n```"), ("user", "a\nbash-$"), ("ai", "```\nsubmit\n```")]
    trajectory = read(nebius(*turns))
    assert brief(trajectory) == [
        ("thought", "Look.\n", True, []),
        ("action", "```\nls\n```", True, [True]),
        ("observation", "a\nbash-$", False, []),
        ("action", "```\nsubmit\n```", True, [True]),
    ]
    assert (trajectory.source, trajectory.resolved, trajectory.model) == ("nebius-swe-agent", False, "llama")
    unfinished = read(nebius(*turns[:2], ("ai", "no fence"), exit_status="exit_format"))
    assert brief(unfinished)[3:] == [("thought", "no fence", True, [])]


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ("[", "key 'messages' should be a list or its JSON text"),
        ([], "should be a list with messages"),
        ([*HEAD, [1, 2]], "message 2: expected an object, found list"),
        ([*HEAD, {"role": "exit", "content": ""}], "message 2: unknown role 'exit'"),
    ],
)
def test_what_is_malformed_is_named(messages, message):
    with pytest.raises(ValueError, match=message):
        read(row() | {"messages": messages})


# real rows


@pytest.fixture(scope="module", params=["nebius_swe_agent", "swe_smith", "swe_smith_xml"])
def real_rows(request, real_trajectories):
    path = real_trajectories / "dataset_rows" / f"{request.param}.jsonl"
    loaded = load_trajectories(path)
    assert not loaded.bad
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return list(zip(rows, loaded.trajectories, strict=True))


def plain_messages(data):
    """(is a reply, text) of each message, taken without the reader."""
    if "messages" in data:
        return [(m["role"] == "assistant", m["content"]) for m in data["messages"]]
    return [(m["role"] == "ai", m["text"] or m["system_prompt"]) for m in data["trajectory"]]


def test_real_actions_are_those_a_plain_pattern_finds(real_rows):
    """In both data sets each reply has one call, at its end, so a plain pattern finds it."""
    for data, trajectory in real_rows:
        pattern = r"<function=[a-z_]+>\n.*</function>\Z" if "messages" in data else r"```\n[^`]*```\Z"
        expected = [re.findall(pattern, text, re.DOTALL)[0] for is_reply, text in plain_messages(data) if is_reply]
        assert [s.text for s in trajectory.segments if s.kind == "action"] == expected
        executed = [call.executed for s in trajectory.segments for call in s.calls]
        assert executed == [True] * (len(expected) - 1) + [True if "model" in data or "target" in data else None]


def test_the_rules_hold_for_real_rows(real_rows):
    for data, trajectory in real_rows:
        segments = trajectory.segments
        assert "".join(s.text for s in segments if s.generated) == "".join(t for own, t in plain_messages(data) if own)
        assert [s.text for s in segments if not s.generated] == [t for own, t in plain_messages(data) if not own]
        assert all(s.generated == (s.kind in ("thought", "action")) for s in segments)
        assert {s.kind for s in segments} == {"system", "task", "thought", "action", "observation"}
        assert trajectory.resolved == data.get("resolved", data.get("target"))


def test_other_rows_are_left_to_other_readers(real_trajectories):
    own = {"nebius_swe_agent", "swe_smith", "swe_smith_xml"}
    found = {
        path.stem
        for path in (real_trajectories / "dataset_rows").glob("*.jsonl")
        for line in path.read_text().splitlines()
        if swe_agent_rows.detect(json.loads(line))
    }
    assert found == own
