"""Labels of whole actions. Brackets show the label of a text: [m markup] [# comment] [= decoration] [t thought].

Code and whitespace have no brackets.
"""

import json
from itertools import groupby

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lm_eval_hesnr.labelling.annotate import annotate
from lm_eval_hesnr.labelling.argument_language import CODE_MODE, EDIT_BLOCKS
from lm_eval_hesnr.labelling.budget import Budget
from lm_eval_hesnr.labelling.code import label_code
from lm_eval_hesnr.labels import Label
from lm_eval_hesnr.trajectories.readers.found_calls import xml_functions
from lm_eval_hesnr.trajectories.schema import Call, Segment
from tests.builders import assert_linear

PROSE_TOOLS = (
    *("think", "finish", "task_tracker", "task_tracking", "task_complete", "mark_task_complete", "TodoWrite"),
    *("ExitPlanMode", "update_plan", "attempt_completion", "ask_followup_question", "plan_mode_respond", "question"),
    *("request_user_input", "AskUserQuestion", "update_todo_list", "write_todos", "notify_user"),
    "mcp__thinking__sequentialthinking",
)
SIGNS = {Label.MARKUP: "m", Label.COMMENT: "#", Label.DECORATION: "=", Label.THOUGHT: "t"}


def shown(text: str, labels: np.ndarray) -> str:
    """The text with brackets around everything that is neither code nor whitespace."""
    pieces = []
    for label, group in groupby(zip(text, labels.tolist(), strict=True), key=lambda pair: pair[1]):
        piece = "".join(char for char, _ in group)
        pieces.append(f"[{SIGNS[label]} {piece}]" if label in SIGNS else piece)
    return "".join(pieces)


def action(text: str, *calls: Call) -> str:
    return shown(text, annotate(Segment("action", text, generated=True, calls=calls)))


def bash(command: str) -> Call:
    return Call("bash", {"command": command}, True)


def not_run(command: str) -> Call:
    return Call("bash", {"command": command}, False)


def test_fence():
    assert action("```bash\nls # all\n```", bash("ls # all")) == "[m ```bash\n]ls [# # all][m \n```]"


def test_json_arguments_and_their_escapes():
    command = 'echo "a" # b\nls'
    text = json.dumps({"command": command, "timeout": 5})
    expected = r'[m {"command": "]echo \"a\" [# # b]\nls[m ", "timeout": ]5[m }]'
    assert action(text, Call("bash", {"command": command, "timeout": 5}, True)) == expected


def test_a_renamed_argument_is_still_the_action():
    text = '{"keystrokes": "ls # x\\n", "duration": 0.1}'
    call = Call("bash", {"command": "ls # x\n", "duration": 0.1}, True)
    assert action(text, call) == r'[m {"keystrokes": "]ls [# # x]\n[m ", "duration": ]0.1[m }]'


def test_command_given_as_a_list_of_words():
    arguments = {"command": ["bash", "-lc", "ls # x"], "timeout": 5}
    expected = '[m {"command": ["bash", "-lc", "]ls [# # x][m "], "timeout": ]5[m }]'
    assert action(json.dumps(arguments), Call("shell", arguments, True)) == expected
    arguments = {"command": ["bash", "-lc", "ls # x", "y"]}  # `y` is a word of the model for its script
    expected = '[m {"command": ["]bash[m ", "]-lc[m ", "]ls [# # x][m ", "]y[m "]}]'
    assert action(json.dumps(arguments), Call("shell", arguments, True)) == expected
    arguments = {"command": ["python", "-c", "x = 1 # x"]}
    expected = '[m {"command": ["]python[m ", "]-c[m ", "]x = 1 [# # x][m "]}]'
    assert action(json.dumps(arguments), Call("shell", arguments, True)) == expected


def test_xml_parameters():
    text = "<function=execute_bash>\n<parameter=command>ls # x</parameter>\n</function>"
    expected = "[m <function=execute_bash>\n<parameter=command>]ls [# # x][m </parameter>\n</function>]"
    assert action(text, bash("ls # x")) == expected


def test_xml_parameter_that_a_stop_word_cut_off():
    text = "<function=bash>\n<parameter=command>ls # x"
    assert action(text, bash("ls # x")) == "[m <function=bash>\n<parameter=command>]ls [# # x]"


@pytest.mark.parametrize("command", ["ls -l", "ls > x # c"])
def test_malformed_xml_parameter_is_read_as_its_producer_reads_it(command):
    text = f"<function=bash>\n<parameter=command={command}</parameter>\n</function>"
    (found,) = xml_functions(text, True)
    assert found.calls == (bash(command),)
    inside = command.replace("# c", "[# # c]")
    assert (
        action(text, *found.calls) == f"[m <function=bash>\n<parameter=command=]{inside}[m </parameter>\n</function>]"
    )


def test_an_equals_sign_in_an_xml_value_is_not_a_malformed_parameter():
    text = "<function=bash><parameter=command>a=b</parameter><parameter=x=y"
    (found,) = xml_functions(text, True)
    assert found.calls == (bash("a=b"),)
    assert action(text, *found.calls) == "[m <function=bash><parameter=command>]a=b[m </parameter><parameter=x=y]"


@pytest.mark.parametrize("row", ["<parameter=", "<parameter=a=", "<function=", "<a", "a="])
@pytest.mark.parametrize("start", ["<function=f>", "<"])
def test_a_row_of_openings_costs_linear_time(start, row):
    def work(n):
        text = start + row * n
        annotate(Segment("action", text, generated=True, calls=(bash("x"),)))
        xml_functions(text, True)

    assert_linear(work, 16_000)


def test_several_hermes_calls_in_one_text():
    text = (
        '<tool_call>\n{"name": "bash", "arguments": {"command": "ls # c"}}\n</tool_call>\n'
        '<tool_call>{"name": "create", "arguments": '
        '"{\\"path\\": \\"a.py\\", \\"content\\": \\"x # c\\\\ny\\"}"}</tool_call>'
    )
    calls = bash("ls # c"), Call("create", {"path": "a.py", "content": "x # c\ny"}, True)
    assert action(text, *calls) == (
        '[m <tool_call>\n{"name": "bash", "arguments": {"command": "]ls [# # c][m "}}\n</tool_call>\n'
        '<tool_call>{"name": "create", "arguments": "{\\"path\\": \\"]a.py[m \\", \\"content\\": \\"]'
        'x [# # c]\\\\ny[m \\"}"}</tool_call>]'
    )


def test_the_name_of_a_tool_is_markup_even_if_an_argument_has_the_same_text():
    text = '{"name": "submit", "arguments": {"command": "submit"}}'
    expected = '[m {"name": "submit", "arguments": {"command": "]submit[m "}}]'
    assert action(text, Call("submit", {"command": "submit"}, True)) == expected
    assert action(text) == expected


def test_the_position_also_decides_in_arguments_that_are_a_json_string():
    text = json.dumps({"id": 5, "name": "f", "arguments": json.dumps({"x": "f", "n": 5})})
    expected = r'[m {"id": 5, "name": "f", "arguments": "{\"x\": \"]f[m \", \"n\": ]5[m }"}]'
    assert action(text, Call("f", {"x": "f", "n": 5}, True)) == expected


def test_raw_text_as_the_input_of_a_named_tool():
    text = json.dumps({"name": "x", "input": "x # {"})
    assert action(text, Call("x", {"input": "x # {"}, True)) == '[m {"name": "x", "input": "]x # {[m "}]'


def test_arguments_that_look_like_a_call_are_all_arguments():
    arguments = {"name": "x", "arguments": {"a": "x"}}
    expected = '[m {"name": "]x[m ", "arguments": {"a": "]x[m "}}]'
    assert action(json.dumps(arguments), Call("call_tool", arguments, True)) == expected


def test_calls_of_a_list_and_of_a_flat_object():
    text = '[{"name": "bash", "arguments": {"command": "bash"}}, {"name": "f", "arguments": {"x": "bash"}}]'
    assert action(text, bash("bash"), Call("f", {"x": "bash"}, True)) == (
        '[m [{"name": "bash", "arguments": {"command": "]bash[m "}}, {"name": "f", "arguments": {"x": "]bash[m "}}]]'
    )
    flat = '{"tool": "ls", "reply": {"command": "ls"}}'
    assert action(flat, bash("ls")) == '[m {"tool": "ls", "reply": {"command": "]ls[m "}}]'


def test_deep_documents_are_labelled():
    for depth in (10, 300, 480, *range(900, 1000, 3), 5000):
        text = '{"x": ' * depth + "1" + "}" * depth
        assert annotate(Segment("action", text, generated=True, calls=(bash("x"), bash("y")))).shape == (len(text),)


@pytest.mark.parametrize(
    "tool",
    PROSE_TOOLS,
)
def test_values_of_a_tool_that_takes_prose_are_thought_in_every_syntax(tool):
    call = Call(tool, {"message": "I ran `ls # x`."}, True)
    value = "[t I ran `ls # x`.]"
    assert action('{"message": "I ran `ls # x`."}', call) == f'[m {{"message": "]{value}[m "}}]'
    assert action(f'{{"name": "{tool}", "arguments": {{"message": "I ran `ls # x`."}}}}', call) == (
        f'[m {{"name": "{tool}", "arguments": {{"message": "]{value}[m "}}}}]'
    )
    assert action(f"<function={tool}>\n<parameter=message>I ran `ls # x`.</parameter>\n</function>", call) == (
        f"[m <function={tool}>\n<parameter=message>]{value}[m </parameter>\n</function>]"
    )
    assert action("```\nI ran `ls # x`.\n```", call) == f"[m ```\n]{value}[m \n```]"
    assert action("<finish> I ran it. </finish>", call) == "[m <finish>][t  I ran it.][m  </finish>]"


def test_numbers_and_words_of_a_plan_are_thought():
    arguments = {"plan": [{"step": "Look.", "n": 1, "done": True}], "command": ["bash", "-c", "ls # x"]}
    assert action(json.dumps(arguments), Call("update_plan", arguments, None)) == (
        '[m {"plan": [{"step": "][t Look.][m ", "n": ][t 1][m , "done": ][t true][m }], '
        '"command": ["][t bash][m ", "][t -c][m ", "][t ls # x][m "]}]'
    )


def test_each_call_of_a_text_is_labelled_by_its_own_tool():
    text = '[{"name": "think", "arguments": {"thought": "ls"}}, {"name": "bash", "arguments": {"command": "ls"}}]'
    assert action(text, Call("think", {"thought": "ls"}, True), bash("ls")) == (
        '[m [{"name": "think", "arguments": {"thought": "][t ls][m "}}, '
        '{"name": "bash", "arguments": {"command": "]ls[m "}}]]'
    )


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ([not_run("ls")], "[t ```bash\nls\n```]"),
        ([not_run("ls"), not_run("ls")], "[t ```bash\nls\n```]"),
        ([not_run("ls"), bash("ls")], "[m ```bash\n]ls[m \n```]"),
        ([Call("bash", {"command": "ls"}, None)], "[m ```bash\n]ls[m \n```]"),
    ],
)
def test_an_action_without_an_executed_call_is_a_thought(calls, expected):
    assert action("```bash\nls\n```", *calls) == expected


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("/x/a.py", "x = 1  # c", "x = 1  [# # c]"),
        ("/x/a.go", "x := 1 // c", "x := 1 [# // c]"),
        ("/x/a.txt", "x # c // d", "x # c // d"),
        ("/x/Makefile", "all: # c", "all: [# # c]"),
    ],
)
def test_the_path_in_the_call_decides_the_language_of_an_editor_text(path, text, expected):
    arguments = {"command": "create", "path": path, "file_text": text}
    before = f'[m {{"command": "]create[m ", "path": "]{path}[m ", "file_text": "]'
    assert action(json.dumps(arguments), Call("str_replace_editor", arguments, True)) == f'{before}{expected}[m "}}]'


def test_edits_in_a_list():
    arguments = {"file_path": "a.js", "edits": [{"old_string": "a === b // x", "new_string": "a"}]}
    assert action(json.dumps(arguments), Call("MultiEdit", arguments, True)) == (
        '[m {"file_path": "]a.js[m ", "edits": [{"old_string": "]a === b [# // x][m ", "new_string": "]a[m "}]}]'
    )


def test_an_indented_fragment_of_a_file_is_parsed():
    arguments = {"path": "a.py", "old_str": "        # c\n        return 1\n    else:  # d\n"}
    text = f"<function=f>\n<parameter=path>a.py</parameter>\n<parameter=old_str>{arguments['old_str']}</parameter>"
    assert "        [# # c]\n        return 1\n" in action(text, Call("f", arguments, True))


PATCH = """\
*** Begin Patch
*** Update File: a.py
@@ def f():
     '''
-    # in the docstring
+    # still in it
     '''
-x = 1 # old
+x = 2 # new
*** End Patch
"""
PATCH_SHOWN = """\
[m *** Begin Patch
*** Update File: a.py
@@ def f():
     '''
-]    # in the docstring
[m +]    # still in it
[m      '''
-]x = 1 [# # old]
[m +]x = 2 [# # new]
[m *** End Patch
]"""


def test_patch_as_raw_text():
    assert action(PATCH, Call("apply_patch", {"input": PATCH}, True)) == PATCH_SHOWN


def test_patch_with_no_call():
    assert action(PATCH) == PATCH_SHOWN


def test_patch_in_a_heredoc():
    command = f"cd /x && apply_patch <<'EOF'\n{PATCH}EOF\nls # c"
    assert action(command, bash(command)) == f"cd /x && apply_patch <<'EOF'\n{PATCH_SHOWN}EOF\nls [# # c]"


@pytest.mark.parametrize("program", ["git apply -", "git apply", "patch -p1", "sudo patch -p0", "cat > fix.patch"])
def test_unified_diff_in_a_heredoc(program):
    patch = (
        "diff --git a/x.c b/x.c\n--- a/x.c\n+++ b/x.c\n@@ -1,2 +1,2 @@ int f()\n"
        "-int a; // no\n+int b; // yes\n int c; // context\n\\ No newline at end of file\n"
    )
    command = f"{program} <<'EOF'\n{patch}EOF"
    assert action(command, bash(command)) == (
        f"{program} <<'EOF'\n[m diff --git a/x.c b/x.c\n--- a/x.c\n+++ b/x.c\n@@ -1,2 +1,2 @@ int f()\n"
        "-]int a; [# // no]\n[m +]int b; [# // yes]\n[m  int c; // context\n\\ No newline at end of file\n]EOF"
    )


def test_an_action_without_its_values_in_the_text_is_all_code():
    assert action("submit", Call("submit", {}, True)) == "submit"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("```bash\nls  -l # c\n```", "[m ```bash\n]ls  -l [# # c][m \n```]"),
        ("```bash\nls  -l\n", "[m ```bash\n]ls  -l[m \n]"),
        ("<command>\nls  -l\n</command>\n", "[m <command>\n]ls  -l[m \n</command>\n]"),
        ('<keys duration="1">ls  -l', '[m <keys duration="1">]ls  -l'),
        ("<action>\n```bash\nls  -l\n```\n</action>", "[m <action>\n```bash\n]ls  -l[m \n```\n</action>]"),
        ("```html\n<b>x  y</b>\n```", "[m ```html\n]<b>x  y</b>[m \n```]"),
        ("<run><b>x  y</run>", "[m <run>]<b>x  y[m </run>]"),
        ("```\n```", "[m ```\n```]"),
        ("ls  -l", "ls  -l"),
    ],
)
def test_marks_stay_markup_where_the_value_is_not_found(text, expected):
    assert action(text, bash("ls -l")) == expected


def test_an_edit_of_an_open_file_is_not_read_as_shell():
    command = "edit 1:2\n#include <a>\nend_of_edit"
    assert action(command, bash(command)) == command


def test_only_generated_text_is_thought_or_action():
    for kind, generated, label in [
        ("action", False, Label.OTHER),
        ("thought", False, Label.OTHER),
        ("thought", True, Label.THOUGHT),
        ("task", False, Label.TASK),
    ]:
        segment = Segment(kind, "ls", generated=generated)  # type: ignore[arg-type]
        assert annotate(segment).tolist() == [label, label]


@pytest.mark.parametrize(
    "text",
    [
        "print('[= =====]')",
        'echo "[= ---] Test [= ---]"',
        'print("\\n[= ====]\\n")',
        "Title\n[= =====]\n\n[= ***]\n",
        "| a | b |\n|---|:---:|\n",
        "+----+----+",
        "grep -n '^---' x",
        "a===b; c---; d(***p)",
        '"""doc""" ...',
        "-----BEGIN KEY-----",
        "<<<<<<< HEAD\na\n=======\nb\n>>>>>>> x\n",
        "--- a/x.py\n+++ b/x.py\n",
        "< a\n---\n> b\n",
    ],
)
def test_decoration(text):
    plain = text.replace("[= ", "").replace("]", "") if "[= " in text else text
    assert shown(plain, label_code(plain, None, Budget())) == text


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("javascript", "a === b"),
        ("html", '<p v-if="a === b">'),
        ("php", "<?php $a === $b;"),
        ("ruby", "a === b"),
        ("yaml", "---\na: 1\n---\nb: 2\n"),
    ],
)
def test_operators_are_not_decoration(language, text):
    assert shown(text, label_code(text, language, Budget())) == text


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.too_slow])  # it measures time, which a busy machine does not have
@given(st.dictionaries(st.sampled_from(["command", "path", "content", "patch", "x"]), JSON_VALUES), st.booleans())
def test_a_value_in_a_json_call_has_the_labels_of_the_value_alone(arguments, ascii_only):
    """Every character has a label, and a command without escapes has the same labels as outside of JSON."""
    text = json.dumps(arguments, ensure_ascii=ascii_only)
    labels = annotate(Segment("action", text, generated=True, calls=(Call("bash", arguments, True),)))
    assert labels.shape == (len(text),)
    command = arguments.get("command")
    if isinstance(command, str) and json.dumps(command, ensure_ascii=ascii_only)[1:-1] == command and command:
        start = text.index(command, text.index('"command": "') + len('"command": "'))
        assert labels[start : start + len(command)].tolist() == label_code(command, "bash", Budget()).tolist()


@given(
    st.text(alphabet="abc#'\"\\\n $`<>{}()[]|&;-=/*+@", max_size=200),
    st.sampled_from(["bash", "python", "patch", "yaml", "make", "php", CODE_MODE, f"{EDIT_BLOCKS}python"]),
)
def test_any_text_gets_one_label_per_character(text, language):
    labels = label_code(text, language, Budget())
    assert labels.shape == (len(text),)
    assert set(labels.tolist()) <= {Label.CODE, Label.MARKUP, Label.COMMENT, Label.WHITESPACE, Label.DECORATION}


@given(st.text(alphabet='<>=/functioparmetbshcdl_{}[]":, \n', max_size=200))
def test_any_action_text_is_labelled(text):
    assert annotate(Segment("action", text, generated=True, calls=(bash("ls"),))).shape == (len(text),)
