"""Hostile OpenHands files: each is read by the rules or refused with a ValueError."""

import copy
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lm_eval_hesnr.trajectories.readers import (
    openhands_chat,
    openhands_completions,
    openhands_events,
    openhands_rows,
    openhands_sdk,
)

CALL = {"id": "c", "function": {"name": "execute_bash", "arguments": '{"command": "ls"}'}}
REPLY = {"role": "assistant", "content": "Look.", "tool_calls": [CALL]}
RESPONSE = {"id": "r", "model": "m", "choices": [{"message": REPLY}]}
CHAT = [
    {"role": "system", "content": "You are OpenHands agent"},
    {"role": "user", "content": [{"type": "text", "text": "Fix it."}]},
    REPLY,
    {"role": "tool", "tool_call_id": "c", "name": "execute_bash", "content": "a.py"},
    {"role": "assistant", "content": "So.\n<function=finish>\n<parameter=message>Done.</parameter>"},
]
SAMPLES = [
    (
        openhands_events,
        {
            "instance_id": "i",
            "report": {"resolved": True},
            "history": [
                {"id": 1, "source": "user", "action": "message", "args": {"content": "Fix it."}},
                {
                    "id": 2,
                    "source": "agent",
                    "action": "run",
                    "args": {"command": "ls", "thought": "Look."},
                    "tool_call_metadata": {"tool_call_id": "c", "model_response": RESPONSE},
                },
                {"id": 3, "source": "agent", "cause": 2, "observation": "run", "content": "a.py", "extras": {}},
                {"id": 4, "source": "agent", "action": "run_ipython", "args": {"code": "1", "thought": "Hm."}},
            ],
        },
    ),
    (
        openhands_sdk,
        [
            {"kind": "SystemPromptEvent", "source": "agent", "system_prompt": {"text": "Be good."}},
            {"kind": "MessageEvent", "source": "user", "llm_message": {"content": [{"text": "Fix it."}]}},
            {
                "kind": "ActionEvent",
                "id": "1",
                "source": "agent",
                "thought": [{"text": "Look."}],
                "tool_name": "terminal",
                "tool_call": {"name": "terminal", "arguments": '{"command": "ls"}'},
                "action": {"command": "ls"},
            },
            {"kind": "ObservationEvent", "action_id": "1", "observation": {"content": [{"text": "a.py"}]}},
        ],
    ),
    (openhands_completions, {"messages": CHAT, "kwargs": {}, "fncall_messages": [], "response": RESPONSE}),
    (openhands_completions, CHAT),
    (openhands_rows, {"run_id": "m_maxiter_5", "test_result": {}, "resolved": True, "messages": CHAT}),
    (openhands_rows, {"trajectory_id": "t", "resolved": 1, "trajectory": CHAT}),
]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 9)
    | st.text(max_size=9)
    | st.sampled_from(["null", "agent", "user", "run"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(value, path=()):
    """Every place in a JSON value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def replaced(value, path, new):
    if not path:
        return new
    value = copy.deepcopy(value)
    parent = value
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = new
    return value


@pytest.mark.parametrize(("reader", "sample"), SAMPLES)
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_value_anywhere(reader, sample, data):
    record = sample
    for _ in range(data.draw(st.integers(1, 2))):
        record = replaced(record, data.draw(st.sampled_from(list(places(record)))), data.draw(VALUES))
    if not reader.detect(record):
        return
    try:
        trajectory = reader.read(record, Path("a/b.json"))
    except ValueError:
        return
    written = json.dumps(record, ensure_ascii=False)
    for segment in trajectory.segments:
        assert segment.generated == (segment.kind in ("thought", "action"))
        assert len(segment.calls) == (segment.kind == "action")
        assert not segment.generated or {c.executed for c in segment.calls} <= {True, False, None}
    json.dumps(trajectory.to_json())
    assert written == json.dumps(record, ensure_ascii=False)  # reading changes nothing


@pytest.mark.parametrize("part", ["<function=a>\n<parameter=b>", "<function=a>", "OBSERVATION:\n", "ERROR: "])
def test_a_long_text_is_read_fast_and_whole(part):
    text = part * 50_000
    messages = [{"role": role, "content": text} for role in ("assistant", "user", "assistant", "user")]
    segments = list(openhands_chat.openhands_segments(messages, text_calls=True))
    assert "".join(segment.text for segment in segments) == text * 4
