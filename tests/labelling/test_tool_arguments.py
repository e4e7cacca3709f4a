"""Labels of the arguments of many agents' tools, and of programs that call tools (code mode)."""

import json
import time
from itertools import groupby

import pytest

from lm_eval_hesnr.labelling.annotate import annotate
from lm_eval_hesnr.labels import Label
from lm_eval_hesnr.trajectories.readers.segments import call, tool_call
from lm_eval_hesnr.trajectories.schema import Segment


def pieces(segment: Segment, label: Label) -> list[str]:
    """The texts with a label, in order."""
    pairs = zip(segment.text, annotate(segment).tolist(), strict=True)
    groups = [(key, "".join(char for char, _ in group)) for key, group in groupby(pairs, key=lambda pair: pair[1])]
    return [text for key, text in groups if key == label]


def native(tool: str, **arguments: object) -> Segment:
    return tool_call(tool, arguments, True)


def program(text: str) -> Segment:
    """A call of code mode, whose input is plain text."""
    return Segment("action", text, generated=True, calls=(call("exec", {"input": text}, True),))


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("shell_command", {"command": "ls # c", "workdir": "/w"}),
        ("run_shell_command", {"command": "ls # c", "directory": "src"}),
        ("execute_command", {"command": "ls # c", "requires_approval": "false"}),
        ("Shell", {"command": "ls # c"}),
        ("run_command", {"CommandLine": "ls # c", "Cwd": "/w", "Blocking": True}),
        ("run_in_terminal", {"command": "ls # c", "isBackground": False}),
        ("developer__shell", {"command": "ls # c"}),
        ("local_shell", {"command": "ls # c"}),
        ("execute_shell", {"script": "ls # c"}),
        ("shell_exec", {"id": "1", "exec_dir": "/w", "command": "ls # c"}),
        ("bash_tool", {"command": "ls # c"}),
        ("run_terminal_command", {"command": "ls # c"}),
        ("launch-process", {"command": "ls # c", "wait": True}),
        ("container.exec", {"cmd": ["bash", "-lc", "ls # c"]}),
        ("execute", {"command": "ls # c"}),
        ("execute", {"code": "ls # c"}),
        ("run_commands", {"commands": ["ls # c", "pwd"]}),
        ("mcp__remote__zsh", {"cmd": "ls # c"}),
        ("run_code", {"language": "bash", "code": "ls # c"}),
        ("developer__shell", {"shell_command": "ls # c"}),
        ("terminal", {"input": "ls # c", "workdir": "/w"}),
    ],
)
def test_a_command_of_any_shell_has_comments(tool, arguments):
    assert pieces(native(tool, **arguments), Label.COMMENT) == ["# c"]


def test_a_shell_that_takes_plain_text():
    text = "ls # c"
    assert pieces(Segment("action", text, True, (call("shell", {"input": text}, True),)), Label.COMMENT) == ["# c"]


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("edit", {"filePath": "a.ts", "oldString": "a // c", "newString": "b"}),
        ("frobnicate", {"absolutePath": "a.ts", "body": "a // c"}),
        ("NotebookEdit", {"notebook_path": "a.ts", "new_source": "a // c"}),
        ("replace_file_content", {"TargetFile": "a.ts", "ReplacementContent": "a // c"}),
        ("write", {"path": "a.ts", "code": "a // c"}),
        ("edit_file", {"path": "a.ts", "edit": {"old": "a // c", "new": "b"}}),
        ("multi_edit", {"path": "a.ts", "edits": [{"oldText": "b", "newText": "a // c"}]}),
        ("create_files", {"files": [{"path": "x.py", "content": "1 // c"}, {"content": "a // c", "path": "a.ts"}]}),
        ("frobnicate", {"uri": "file:///w/a.ts", "updated": "a // c"}),
        ("str-replace-editor", {"command": "str_replace", "path": "a.ts", "old_str_1": "b", "new_str_1": "a // c"}),
        ("edit", {"path": "a.ts", "text2": "a // c"}),
        ("Write", {"dest": "a.ts", "content": "a // c"}),
        ("edit_file", {"path": "a.ts", "data": "a // c"}),
        ("replace_lines", {"file_name": "a.ts", "lines": "a // c"}),
        ("write_file", {"filepath": "a.ts", "lines": ["a // c", "b"]}),
    ],
)
def test_the_text_of_any_editor_has_the_language_of_its_file(tool, arguments):
    assert pieces(native(tool, **arguments), Label.COMMENT) == ["// c"]


@pytest.mark.parametrize(("cell", "comments"), [("code", ["# c"]), ("markdown", [])])
def test_a_cell_of_a_notebook_is_python_or_markdown(cell, comments):
    edit = native("NotebookEdit", notebook_path="a.ipynb", new_source="# c", cell_type=cell)
    assert pieces(edit, Label.COMMENT) == comments
    edit = native("edit_notebook_file", filePath="a.ipynb", newCode="# c", language={"code": "python"}.get(cell, cell))
    assert pieces(edit, Label.COMMENT) == comments


BLOCKS = {
    "Cline": "------- SEARCH\na # b\n=======\nc # d\n+++++++ REPLACE\n",
    "Aider": "<<<<<<< SEARCH\na # b\n=======\nc # d\n>>>>>>> REPLACE",
    "Roo": "<<<<<<< SEARCH\n:start_line:7\n-------\na # b\n=======\nc # d\n>>>>>>> REPLACE\n",
}


@pytest.mark.parametrize("blocks", BLOCKS.values(), ids=BLOCKS)
@pytest.mark.parametrize("argument", ["diff", "content"])
def test_search_and_replace_blocks(blocks, argument):
    edit = native("replace_in_file", path="a.py", **{argument: blocks + "\n" + blocks})
    assert pieces(edit, Label.COMMENT) == ["# b", "# d"] * 2
    assert "".join(pieces(edit, Label.CODE)) == "a.pyacac"
    assert not pieces(edit, Label.DECORATION)


def test_blocks_whose_marks_are_not_in_order_are_text():
    text = ">>>>>>> REPLACE\na # b\n=======\n<<<<<<< SEARCH\n"
    assert pieces(native("replace_in_file", path="a.txt", diff=text), Label.MARKUP) == [
        '{"path": "',
        '", "diff": "',
        '"}',
    ]


@pytest.mark.parametrize("row", ["<<<<<<< SEARCH\n", "<<<<<<< SEARCH\n=======\n", ":start_line:1\n"])
def test_many_opening_marks_cost_linear_time(row):
    begin = time.process_time()
    annotate(native("apply_diff", path="a.py", diff=row * 20_000 + ">>>>>>> REPLACE"))
    assert time.process_time() - begin < 2


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("write_to_file", {"path": "a.py", "content": "x", "task_progress": "- [ ] Note #"}),
        ("Bash", {"command": "ls", "description": "Note #"}),
        ("shell_command", {"command": "ls", "justification": "Note #"}),
        ("edit_file", {"target_file": "a.py", "code_edit": "x", "instructions": "Note #"}),
        ("run_in_terminal", {"command": "ls", "explanation": "Note #"}),
        ("view_file", {"AbsolutePath": "a.py", "toolSummary": "Note #"}),
        ("frobnicate", {"x": "y", "rationale": "Note #"}),
        ("Execute", {"command": "ls", "riskLevelReason": "Note #"}),
        ("run_in_terminal", {"command": "ls", "goal": "Note #"}),
        ("create_file", {"filePath": "a.py", "content": "x", "change_summary": "Note #"}),
        ("read_file", {"path": "a.py", "one_sentence_explanation": "Note #"}),
        ("edit_file", {"path": "a.py", "content": "x", "editDescription": "Note #"}),
    ],
)
def test_explanations_in_a_tool_that_acts_are_thought(tool, arguments):
    action = native(tool, **arguments)
    assert [piece.removeprefix("- [ ] ") for piece in pieces(action, Label.THOUGHT)] == ["Note #"]
    assert pieces(action, Label.CODE)


def test_the_numbers_of_a_note_are_thought():
    action = native("bash", command="ls", task_progress=7)
    assert (pieces(action, Label.THOUGHT), pieces(action, Label.CODE)) == (["7"], ["ls"])


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("attempt_completion", {"result": "Done."}),
        ("ask_followup_question", {"question": "Done.", "follow_up": ["Done."]}),
        ("plan_mode_respond", {"response": "Done."}),
        ("question", {"questions": [{"question": "Done.", "options": [{"label": "Done."}]}]}),
        ("request_user_input", {"questions": [{"id": "Done.", "question": "Done."}]}),
        ("AskUserQuestion", {"questions": [{"header": "Done.", "multiSelect": False}]}),
        ("manage_todo_list", {"todoList": [{"id": 1, "title": "Done."}]}),
        ("vscode_askQuestions", {"questions": [{"header": "Done.", "question": "Done."}]}),
        ("ask_question", {"text": "Done."}),
        ("ask", {"message": "Done."}),
        ("condense", {"context": "Done."}),
        ("suggest_plan", {"plan": "Done."}),
    ],
)
def test_text_for_the_user_is_thought(tool, arguments):
    action = native(tool, **arguments)
    assert set(pieces(action, Label.THOUGHT)) - {"1", "false"} == {"Done."}
    assert pieces(action, Label.CODE) == []


def test_a_value_that_also_stands_in_a_tag_is_found_after_its_own_tag():
    text = "<read_file>\n<path>path</path>\n<limit>path</limit>\n</read_file>"
    action = Segment("action", text, True, (call("read_file", {"path": "path", "limit": "path"}, True),))
    assert pieces(action, Label.MARKUP) == ["<read_file>\n<path>", "</path>\n<limit>", "</limit>\n</read_file>"]


PATCH = "*** Begin Patch\n*** Update File: a.py\n@@\n-x = 1 # old\n+x = 2 # new\n*** End Patch"


@pytest.mark.parametrize(
    ("text", "comments", "code"),
    [
        ('// look\nconst r = await tools.exec_command({"cmd":"ls # all"});', ["// look", "# all"], "ls"),
        ("await tools['shell_command']({command: `ls\\n# ${x}`, workdir: '/w'})", ["# ${x}"], "ls/w"),
        ("tools.exec_command({cmd: ['bash', '-lc', 'ls # c'], tty: true})", ["# c"], "lstrue"),
        ("const cmd = 'ls # c'; /* it */ await tools.exec_command({cmd, n: 1000});", ["# c", "/* it */"], "ls1000"),
        ("await Promise.all(['a # c', 'b'].map(cmd => tools.exec_command({cmd})))", ["# c"], "ab"),
        ("for (const c of ['a # c', 'b']) await tools.exec_command({cmd: c})", ["# c"], "ab"),
        ("tools.exec_command({cmd: String.raw`grep '\\n' # c`})", ["# c"], "grep'\\n'"),
        ("tools.exec_command({cmd: 'ls ' + '# c\\u0020d\\x21\\u{21}'})", ["# c\\u0020d\\x21\\u{21}"], "ls"),
        ("tools.exec_command({cmd: f('ls # c'), justification: 'Look # at it'})", ["# c"], "ls"),
        ("text(await tools.write_file({path: 'a.go', content: 'a // c'}))", ["// c"], "a.goa"),
        (
            f"const p = {json.dumps(PATCH)};\ntext(await tools.apply_patch(p)); // go",
            ["# old", "# new", "// go"],
            "x=1x=2",
        ),
        (f"await tools.apply_patch(`{PATCH}`)", ["# old", "# new"], "x=1x=2"),
        (f"f([{', '.join(map(json.dumps, PATCH.splitlines()))}].join('\\n'))", ["# old", "# new"], "x=1x=2"),
        ("text(1 + 1) // c", ["// c"], "text(1+1)"),  # there is no call, so the program is the action
        ("tools.exec_command(((", [], "tools.exec_command((("),
    ],
)
def test_the_values_in_a_program_that_calls_tools_are_the_action(text, comments, code):
    action = program(text)
    assert sorted(pieces(action, Label.COMMENT)) == sorted(comments)
    assert "".join(pieces(action, Label.CODE)) == code


def test_a_program_inside_json_is_labelled_too():
    action = native("functions.exec", input="// é\nawait tools.exec_command({cmd: 'ls # all'});")
    assert pieces(action, Label.COMMENT) == ["// é", "# all"]


@pytest.mark.parametrize(
    "text", ["const a = [a, a, a]; tools.f(a);", "const a = b, b = a; tools.f({a, b})", "const a = {a}"]
)
def test_names_whose_value_contains_them(text):
    begin = time.process_time()
    assert annotate(program(text)).shape == (len(text),)
    assert time.process_time() - begin < 1


@pytest.mark.parametrize("row", ["tools.f({a: ", "[a, ", "x + ", "const a = '1'; tools.f({a}); ", "`${", "tools.f("])
def test_programs_cost_little_time(row):
    text = row * (40_000 // len(row))
    begin = time.process_time()
    assert annotate(program(text)).shape == (len(text),)
    assert time.process_time() - begin < 5
