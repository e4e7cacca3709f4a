"""Parts of a session as segments: which calls ran, and which text came before the first reply."""

from collections import Counter
from typing import Any

import pytest

from lm_eval_hesnr.trajectories.readers.common import NoReplyError, meta_of
from lm_eval_hesnr.trajectories.readers.session_parts import Part, content_parts, is_session, session_segments
from lm_eval_hesnr.trajectories.schema import Call, Segment


def call(identity="", tool="t"):
    return Part("call", id=identity, tool=tool, arguments={"a": 1})


def result(identity="", ran=True):
    return Part("result", "r", identity, ran=ran)


def executed(*parts):
    return [c.executed for segment in session_segments(parts) for c in segment.calls]


def test_kinds_before_and_after_the_first_reply():
    texts = [Part(kind, kind) for kind in ("system", "task", "added", "other", "result")]
    before = session_segments([*texts, Part("summary", "s"), *texts, Part("thought", "")])
    assert [segment.kind for segment in before] == [
        *("system", "task", "task", "other", "observation"),
        "thought",
        *("other", "task", "other", "other", "observation"),
    ]
    assert not any(segment.generated for segment in before)


def test_results_belong_to_calls_by_id():
    parts = [call("a"), call("b"), call("c"), Part("thought", "x"), result("b", ran=False), result("a")]
    assert executed(*parts) == [True, False, None]


def test_results_without_ids_belong_to_calls_in_order():
    assert executed(call(), call(), result(), result(ran=False), Part("thought", "x")) == [True, False]
    assert executed(call(), Part("thought", "x"), call(), result("other id"), result()) == [True, True]


def test_with_too_few_results_it_is_unknown_which_calls_ran():
    assert executed(call(), call(), result()) == [None, None]
    assert executed(call(), Part("task", "go on"), call(), result()) == [None, True]


def test_an_id_of_two_calls_does_not_show_which_one_ran():
    assert executed(call("a"), result("a"), call("a"), call("a")) == [True, None, None]


def test_arguments():
    segments = session_segments(
        [
            Part("call", tool="t"),
            Part("call", tool="t", arguments="{oops"),
            Part("call", tool="t", arguments='{"a": 1}'),
        ]
    )
    assert segments == (
        Segment("action", "", True, (Call("t", {}, None),)),
        Segment("thought", "{oops", True),
        Segment("action", '{"a": 1}', True, (Call("t", {"a": 1}, None),)),
    )


def test_blocks_of_a_message():
    unknown: Any = Counter()
    blocks = ["a", {"type": "text", "text": "<note> b"}, {"type": "image"}, {"type": "new", "text": "c"}, None, 3]
    blocks += [{"type": "tool_use", "name": "t"}, {"type": "thinking", "thinking": "d"}]
    assert [*content_parts(blocks, False, ("<note>",), unknown)] == [
        Part("task", "a"),
        Part("added", "<note> b"),
        Part("task"),
        Part("task"),
    ]
    assert unknown == {"new": 1, "tool_use": 1, "thinking": 1}
    assert [*content_parts("a", True, (), unknown)] == [Part("thought", "a")]


def test_a_session_without_a_reply():
    with pytest.raises(NoReplyError):
        session_segments([Part("task", "a")])


def test_half_of_the_records_are_enough():
    assert is_session([1, 2, "x", "y"], lambda record: isinstance(record, int))
    assert not is_session([1, "x", "y"], lambda record: isinstance(record, int))
    assert not is_session([], bool)
    assert not is_session({}, bool)


def test_meta():
    assert meta_of(Counter(), a=None, b=0, c=1) == {"c": 1}
    assert meta_of(Counter("ba")) == {"unknown_records": {"a": 1, "b": 1}}
