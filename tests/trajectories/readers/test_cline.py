"""Cline and Roo Code: calls as tags in the text, several texts in one user message, native calls of newer versions."""

import json
from pathlib import Path

import pytest

from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.readers import cline, reader_of
from lm_eval_hesnr.trajectories.readers.tool_tags import tool_tags
from lm_eval_hesnr.trajectories.schema import Call, Segment
from lm_eval_hesnr.trajectories.skipped import NOTES, Skipped
from tests.builders import read_record

PATH = Path("tasks", "1700000000000", "api_conversation_history.json")
TASK = "<task>\nFix it.\n</task>"
DETAILS = "<environment_details>\n# Time\nnoon\n</environment_details>"
NO = "<requires_approval>false</requires_approval>"
LS = f"<execute_command>\n<command>ls -l # all</command>\n{NO}\n</execute_command>"
WRITE = "<write_to_file>\n<path>a.html</path>\n<content>\n<b>x</content></b>\n</content>\n</write_to_file>"
DIFF = "------- SEARCH\nx = 1\n=======\nx = 2\n+++++++ REPLACE"
EDIT = f"<replace_in_file>\n<path>a.py</path>\n<diff>\n{DIFF}\n</diff>\n</replace_in_file>"


def message(role, *blocks, **more):
    content = [{"type": "text", "text": block} if isinstance(block, str) else block for block in blocks]
    return {"role": role, "content": content, **more}


def user(*blocks, **more):
    return message("user", *blocks, **more)


def says(*blocks, **more):
    return message("assistant", *blocks, **more)


def thought(text, continues=False):
    return Segment("thought", text, True, (), continues)


def bash(executed):
    return Call("bash", {"command": "ls -l # all", "requires_approval": "false"}, executed)


def test_a_conversation():
    chat = [
        user(TASK, DETAILS),
        says(f"<thinking>Hm.</thinking>\n{LS}", modelInfo={"modelId": "m", "providerId": "p"}),
        user("[execute_command for 'ls -l # all'] Result:", "total 0", DETAILS),
        says(f"Now edit.\n{EDIT}\n\n[Response interrupted by a tool use result. Only one tool may be used.]"),
        user("[replace_in_file for 'a.py'] Result:", "The content was successfully saved to a.py.", DETAILS),
        says("I think so."),
        user("[ERROR] You did not use a tool in your previous response! Please retry with a tool use.", DETAILS),
        says(WRITE),
        user("[write_to_file for 'a.html'] Result:\n\nThe user denied this operation.", "<feedback>No.</feedback>"),
        says("<attempt_completion>\n<result>Done.</result>\n</attempt_completion>"),
    ]
    assert reader_of(chat) is cline
    read = read_record(chat, PATH)
    assert (read.id, read.source, read.model, read.resolved) == ("1700000000000", "cline", "m", None)
    assert read.segments == (
        Segment("task", TASK),
        Segment("task", DETAILS),
        thought("<thinking>Hm.</thinking>\n"),
        Segment("action", LS, True, (bash(True),), True),
        Segment("observation", "[execute_command for 'ls -l # all'] Result:"),
        Segment("observation", "total 0"),
        Segment("other", DETAILS),
        thought("Now edit.\n"),
        Segment("action", EDIT, True, (Call("replace_in_file", {"path": "a.py", "diff": DIFF}, True),), True),
        Segment("other", "\n\n[Response interrupted by a tool use result. Only one tool may be used.]"),
        Segment("observation", "[replace_in_file for 'a.py'] Result:"),
        Segment("observation", "The content was successfully saved to a.py."),
        Segment("other", DETAILS),
        thought("I think so."),
        Segment("other", "[ERROR] You did not use a tool in your previous response! Please retry with a tool use."),
        Segment("other", DETAILS),
        Segment(
            "action",
            WRITE,
            True,
            (Call("write_to_file", {"path": "a.html", "content": "<b>x</content></b>"}, False),),
        ),
        Segment("observation", "[write_to_file for 'a.html'] Result:\n\nThe user denied this operation."),
        Segment("task", "<feedback>No.</feedback>"),
        Segment(
            "action",
            "<attempt_completion>\n<result>Done.</result>\n</attempt_completion>",
            True,
            (Call("attempt_completion", {"result": "Done."}, None),),
        ),
    )


def test_native_calls_and_reasoning():
    read = cline.read(
        [
            user(TASK, f"{DETAILS[:22]}<model>m</model>"),
            says(
                {"type": "thinking", "thinking": "Hm."},
                "Look.",
                {"type": "tool_use", "id": "a", "name": "read_file", "input": {"path": "x"}},
                "And then?",
                {"type": "tool_use", "id": "b", "name": "execute_command", "input": {"command": "ls"}},
            ),
            user(
                {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "x = 1"}]},
                {"type": "tool_result", "tool_use_id": "b", "content": '{"message":"The user denied this operation."}'},
                DETAILS,
            ),
        ],
        Path("x.json"),
    )
    assert (read.id, read.model) == ("x", "m")
    assert read.segments[2:] == (
        thought("Hm."),
        thought("Look."),
        Segment("action", '{"path": "x"}', True, (Call("read_file", {"path": "x"}, True),)),
        thought("And then?"),
        Segment("action", '{"command": "ls"}', True, (Call("bash", {"command": "ls"}, False),)),
        Segment("observation", "x = 1"),
        Segment("observation", '{"message":"The user denied this operation."}'),
        Segment("other", DETAILS),
    )


def test_two_calls_of_which_one_ran():
    read = cline.read(
        [
            user(TASK, DETAILS),
            says(f"{LS}\n{EDIT}\n{LS}"),
            user(
                "[execute_command for 'ls'] Result:",
                "x",
                "Tool [replace_in_file for 'a.py'] was not executed because a tool has already been used.",
            ),
        ],
        PATH,
    )
    assert [call.executed for segment in read.segments for call in segment.calls] == [True, False, None]


@pytest.mark.parametrize(
    "text",
    [
        "Use <read_file> and </read_file> to read.",
        "<read_file></read_file>",
        "<read_file>\n<path>x</path>",
        "<div>\n<path>x</path>\n</div>",
        "<execute_command>\n<command>ls\n</execute_command>",
        f"<thinking>I may write {LS}</thinking>",
    ],
)
def test_what_is_not_a_call(text):
    assert tool_tags(text, None) == []


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("<args>\n<file>\n<path>a.py</path>\n</file>\n</args>", {"path": "a.py"}),
        ("<args><file><path>a</path></file><file><path>b</path></file></args>", None),
        ("<args><file><path>a</path><line_range>1-2</line_range></file></args>", None),
    ],
)
def test_the_path_in_the_arguments_of_roo_code(text, arguments):
    (found,) = tool_tags(f"<thinking>{LS}</thinking><read_file>{text}</read_file>", True)
    raw = {"args": text.removeprefix("<args>").removesuffix("</args>")}
    assert found.calls == (Call("read_file", raw if arguments is None else arguments, True),)


def test_a_conversation_without_the_details_of_the_editor():
    chat = [user(TASK), says(LS), user("[execute_command for 'ls'] Result:", "x"), says("Look.")]
    assert reader_of(chat) is cline
    assert [s.kind for s in cline.read(chat, PATH).segments] == [
        "task",
        "action",
        "observation",
        "observation",
        "thought",
    ]
    assert reader_of([user(TASK), says("Hi."), user("Result: x")]) is not cline


def test_the_calls_in_any_chat():
    """A row of a data set with the same calls, and one that another syntax found wrong actions in."""
    row = {
        "messages": [
            {"role": "system", "content": "You are an agent."},
            {"role": "user", "content": "Fix it."},
            {"role": "assistant", "content": f"Look.\n{LS}"},
            {"role": "user", "content": "[execute_command for 'ls'] Result:\nx"},
            {"role": "assistant", "content": f"```bash\nls\n```\n{EDIT}"},
        ]
    }
    read = read_record(row, Path("x.json"))
    assert [(s.text, s.calls) for s in read.segments if s.kind == "action"] == [
        (LS, (bash(True),)),
        (EDIT, (Call("replace_in_file", {"path": "a.py", "diff": DIFF}, None),)),
    ]
    assert read.segments[4].kind == "observation"


def test_a_folder_of_tasks(tmp_path):
    """The program keeps its own notes beside each conversation."""
    files = {
        "api_conversation_history.json": [user(TASK, DETAILS), says(LS)],
        "ui_messages.json": [{"ts": 1, "type": "say", "say": "text", "text": "Fix it."}],
        "task_metadata.json": {"files_in_context": [], "model_usage": []},
    }
    for task in ("17", "18"):
        (tmp_path / task).mkdir()
        for name, value in files.items():
            (tmp_path / task / name).write_text(json.dumps(value))
    loaded = load_trajectories(tmp_path)
    assert [run.id for run in loaded.trajectories] == ["17", "18"]
    assert (loaded.bad, loaded.skipped) == ([], {Skipped(NOTES): 4})


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, [[]]])
def test_wrong_types(value):
    chat = [user(TASK, DETAILS), says(value if value is not None else "x"), user(value), value]
    with pytest.raises(ValueError, match="message 3 should be an object"):
        cline.read(chat, PATH)
    cline.read([user(TASK), {"role": "assistant", "content": value, "modelInfo": value}, user(value)], PATH)
    assert not cline.detect(value)
    assert not cline.detect([value])
