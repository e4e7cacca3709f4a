"""AutoCodeRover: the last round is the run, searches that ran, and patches."""

import json
import time
from pathlib import Path

import pytest

from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.readers import auto_code_rover, reader_of
from lm_eval_hesnr.trajectories.schema import Call, Segment
from lm_eval_hesnr.trajectories.skipped import NOTES, PART, Skipped
from tests.builders import read_record

PATH = Path("a__b-1_2024-04-06_13-27-09", "conversation_round_2.json")


def says(role, text):
    return {"role": role, "content": text}


SYSTEM = says("system", "You are a software developer maintaining a large project.\nWork.")
ISSUE = says("user", "<issue>It fails.</issue>")
HELP = says("user", "search_class(class_name: str): Search.")
SEARCH = says("assistant", 'Look:\n- `search_class("A")`\n- `search_code(code_str="x = (1", )`\n- search_class("B")')
RESULT = says("user", 'Result of search_class("A"):\nFound.\n\nResult of search_code("x = (1"):\nNothing.\n\n')
ASK = says("user", "Let's analyze collected context first")
THINK = says("assistant", 'Then `search_class("B")`.')
PROXY = [[says("system", "You retreive API calls and bug locations from a text into json format."), SEARCH]]
EDIT = "<file>a.py</file>\n<original>x = 1\n</original>\n<patched># two\nx = 2\n</patched>"
PATCH = says("assistant", f"# modification 1\n```\n{EDIT}\n```\nSo `search_class('A')`.")


def actions(*messages, path=PATH):
    read = auto_code_rover.read([SYSTEM, ISSUE, *messages], path)
    return [(segment.text, segment.calls) for segment in read.segments if segment.kind == "action"]


def edit(executed):
    return (EDIT, (Call("edit", {"path": "a.py", "old_str": "x = 1\n", "new_str": "# two\nx = 2\n"}, executed),))


def test_a_round():
    rounds = [SYSTEM, ISSUE, HELP, SEARCH, RESULT, ASK, THINK, ASK]
    assert reader_of(rounds) is auto_code_rover
    read = read_record(rounds, PATH)
    assert (read.id, read.source, read.resolved) == ("a__b-1", "auto-code-rover", None)
    assert read.meta == {"instance_id": "a__b-1"}
    first, second = 'search_class("A")', 'search_code(code_str="x = (1", )'
    assert read.segments == (
        Segment("system", SYSTEM["content"]),
        Segment("task", ISSUE["content"]),
        Segment("task", HELP["content"]),
        Segment("thought", "Look:\n- `", True),
        Segment("action", first, True, (Call("search_class", {"class_name": "A"}, True),), True),
        Segment("thought", "`\n- `", True, (), True),
        Segment("action", second, True, (Call("search_code", {"code_str": "x = (1"}, True),), True),
        Segment("thought", '`\n- search_class("B")', True, (), True),
        Segment("observation", RESULT["content"]),
        Segment("other", ASK["content"]),
        Segment("thought", THINK["content"], True),
        Segment("other", ASK["content"]),
    )


def test_a_search_that_nothing_follows():
    assert actions(THINK) == [('search_class("B")', (Call("search_class", {"class_name": "B"}, None),))]
    assert actions(says("assistant", "search_class(name) search_class(1.5) search_class(f())")) == []


@pytest.mark.parametrize(
    ("answer", "executed"),
    [
        ("Extracted a patch. Ending the workflow.", True),
        ("Your edit could not be applied to the program.", False),
        ("Hm.", None),
    ],
)
def test_patches(answer, executed):
    assert actions(PATCH, says("user", answer)) == [edit(executed)]
    assert actions(PATCH) == [edit(None)]


def test_a_folder(tmp_path):
    folder = tmp_path / PATH.parent
    folder.mkdir()
    rounds = [SYSTEM, ISSUE, SEARCH, RESULT, PATCH, says("user", "Extracted a patch.")]
    files = {
        "conversation_round_0.json": rounds[:3],
        "conversation_round_10.json": rounds[:4],
        "conversation_round_9.json": rounds[:4],
        "agent_proxy_1.json": PROXY,
        "tool_call_layers.json": [[{"func_name": "search_class"}]],
        "cost.json": {"model": "m"},
    }
    for name, value in files.items():
        (folder / name).write_text(json.dumps(value))
    loaded = load_trajectories(tmp_path)
    assert [len(run.segments) for run in loaded.trajectories] == [8]
    assert loaded.bad == []
    whole = folder / "conversation_round_10.json"
    assert loaded.skipped == {Skipped(PART, whole): 3, Skipped(NOTES): 2}
    (folder / "debug_agent_write_patch_1.json").write_text(json.dumps(rounds))
    (folder / "report.json").write_text('{"a__b-1": {"resolved": true}}')
    [run] = load_trajectories(tmp_path).trajectories
    assert (run.id, run.resolved, run.n_steps) == ("a__b-1", True, 3)


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, [[]], {"a": 1}, {"role": 1}])
def test_wrong_types(value):
    assert not auto_code_rover.detect(value)
    assert not auto_code_rover.detect([value, value])
    with pytest.raises(ValueError, match="message 2 should be"):
        auto_code_rover.read([SYSTEM, ISSUE, value], PATH)
    assert actions({"role": "assistant", "content": value}, {"role": "user", "content": value}) == []
    with pytest.raises(ValueError, match="proxy"):
        auto_code_rover.read(PROXY, PATH)


@pytest.mark.parametrize("mark", ["search_class(", 'search_class("', "search_class('a", "<file>", "<file></file>"])
def test_marks_that_never_close_cost_linear_time(mark):
    text = mark * (200_000 // len(mark))
    begin = time.process_time()
    assert actions(says("assistant", text), says("user", text)) == []
    assert time.process_time() - begin < 2


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("text", ['"\\\x07\\d"', "'\\\x1b[31m'", "0x1for x in y", "'a' is 'b'"])
def test_a_call_that_python_would_warn_about_is_read_without_a_warning(text, recwarn):
    call = f"search_code({text})"
    found = actions(says("assistant", f"Look: {call}"), says("user", f"Result of {call}:\nFound."))
    assert not recwarn
    assert [one for one, _ in found] == ([call] if text.startswith(("'\\", '"')) else [])


class Counted(list[dict[str, str]]):
    """Messages that count how many of them are looked at by index."""

    n = 0

    def __getitem__(self, index):
        found = super().__getitem__(index)
        Counted.n += len(found) if isinstance(index, slice) else 1
        return found


def test_each_message_is_looked_at_a_fixed_number_of_times():
    messages = Counted([SYSTEM, ISSUE, *[SEARCH, RESULT] * 100])
    auto_code_rover.read(messages, PATH)
    assert Counted.n < 3 * len(messages)
