"""What tools and arguments mean, judged by their names."""

import time

import pytest

from lm_eval_hesnr.trajectories.readers.segments import call
from lm_eval_hesnr.trajectories.schema import Call
from lm_eval_hesnr.trajectories.tools import content_of, kind_of, unknown_names, words

SHELLS = (
    *("shell_command", "run_shell_command", "execute_command", "Shell", "run_in_terminal", "developer__shell"),
    *("execute_shell", "shell_exec", "bash_tool", "run_terminal_command", "launch-process", "container.exec"),
    *("execute", "local_shell", "run_command", "exec_command", "Bash", "execute_bash", "terminal"),
    *("functions.exec_command", "mcp__remote-server__runInShell", "Execute"),
)


@pytest.mark.parametrize("tool", SHELLS)
@pytest.mark.parametrize("argument", ["command", "cmd", "CommandLine"])
def test_the_shell_of_every_agent_is_bash_with_a_command(tool, argument):
    arguments = {argument: "ls -l  # long", "cwd": "/w"}
    assert call(tool, arguments, True) == Call("bash", {"command": "ls -l  # long", "cwd": "/w"}, True)


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("str_replace_editor", {"command": "view", "path": "a.py"}),
        ("SlashCommand", {"command": "/review"}),
        ("PowerShell", {"command": "ls"}),
        ("memory", {"command": "view", "path": "/memories"}),
        ("BashOutput", {"bash_id": "b1"}),
        ("execute", {"code": "x = 1"}),
        ("run_commands", {"commands": ["ls", "pwd"]}),
        ("submit", {"command": "submit"}),
        ("execute_ipython_cell", {"command": "x = 1"}),
    ],
)
def test_other_tools_keep_their_name_and_arguments(tool, arguments):
    assert call(tool, arguments, None) == Call(tool, arguments, None)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("TodoWrite", ["todo", "write"]),
        ("run_in_terminal", ["run", "in", "terminal"]),
        ("launch-process", ["launch", "process"]),
        ("readURLContent", ["read", "url", "content"]),
        ("server::tool.v2", ["server", "tool", "v", "2"]),
        ("", []),
    ],
)
def test_words(name, expected):
    assert words(name) == expected


@pytest.mark.parametrize(
    ("tool", "kind"),
    [
        ("attempt_completion", "prose"),
        ("mcp__sequential-thinking__sequentialthinking", "prose"),
        ("mcp__shell-server__read_file", "short"),
        ("mcp__todo-app__execute_sql", "sql"),
        ("Task", "other"),
        ("apply_diff", "patch"),
        ("multi_replace_string_in_file", "file"),
        ("NotebookEdit", "file"),
        ("mcp__ide__executeCode", "python"),
        ("js_repl", "javascript"),
        ("codebase_search", "short"),
        ("frobnicate", None),
        ("", None),
    ],
)
def test_the_words_of_a_name_decide_what_a_tool_does(tool, kind):
    assert kind_of(tool) == kind


@pytest.mark.parametrize(
    ("tool", "name", "arguments", "content"),
    [
        ("bash", "description", {"command": "ls"}, "prose"),
        ("shell_command", "justification", {}, "prose"),
        ("frobnicate", "task_progress", {}, "prose"),
        ("replace_file_content", "Instruction", {}, "prose"),
        ("create_issue", "description", {}, None),  # the issue itself
        ("create_issue", "issue_description", {}, None),
        ("Task", "description", {}, None),
        ("frobnicate", "body", {"filePath": "a.py"}, "text"),
        ("frobnicate", "body", {}, None),
        ("grep", "search", {"path": "a.py"}, None),  # a pattern is not a text of the file
        ("apply_diff", "diff", {}, "patch"),
        ("view", "absolutePath", {}, "path"),
    ],
)
def test_the_name_of_an_argument_decides_too(tool, name, arguments, content):
    assert content_of(tool, name, arguments) == content


@pytest.mark.parametrize(
    ("tool", "arguments", "known"),
    [
        ("read_file", {"x": "y"}, True),
        ("frobnicate", {"x": "y"}, False),
        ("frobnicate", {"x": 1, "y": None}, True),  # there is no text to label
        ("frobnicate", {"path": "a", "content": "b", "explanation": "c"}, True),
        ("frobnicate", {"path": "a", "command": "create", "content": "b"}, True),
        ("frobnicate", {"command": "create"}, False),
        ("frobnicate", {"edits": [{"path": "a", "content": "b"}]}, True),
        ("frobnicate", {"content": "b"}, False),
        ("frobnicate", {"input": "b"}, False),
        ("fs_write", {"command": "create", "path": "a", "file_text": "b"}, True),
        ("run_tests", {"suite": "all"}, False),
        ("run_tests", {"command": "pytest"}, True),
        ("exec", {"input": "text(1)"}, True),
        ("x" * 1000, {"x": "y"}, False),
    ],
)
def test_a_tool_is_known_by_its_name_or_by_its_arguments(tool, arguments, known):
    assert unknown_names(tool, arguments) == ([] if known else [tool])


@pytest.mark.parametrize(
    ("tool", "arguments", "unknown"),
    [
        ("Write", {"whither": "a.py", "content": "x = y"}, ["content"]),
        ("edit_file", {"path": "a.py", "payload": "x = 1\ny = x", "mode": "fast"}, ["payload"]),
        ("edit_file", {"path": "a.py", "lines_of_code": ["a = b # c"]}, ["lines_of_code"]),
        ("edit_file", {"path": "a.py", "view_range": "[1, 2]", "flags": {"force": "yes"}}, []),
        ("multi_edit", {"edits": [{"path": "a.py", "old_string": "a b", "new_string": "b c"}]}, []),
        ("write_file", {"path": "a", "content": "b", "about": {"Summary": "two words", "type": "plan"}}, []),
        ("write_file", {"path": "a", "content": "b", "about": [{"x": {"y": "two words"}}]}, ["about"]),
        ("shell", {"line": "ls # c", "command": "x y", "workdir": "/my work dir"}, ["line"]),
        ("terminal", {"input": "ls # c", "workdir": "/my work dir"}, []),
        ("exec", {"input": "text(1) // look"}, []),
        ("read_file", {"x": "two words"}, []),  # its arguments have no language
    ],
)
def test_a_text_of_a_known_tool_is_unknown_if_its_name_is(tool, arguments, unknown):
    assert unknown_names(tool, arguments) == [f"{tool}.{name}" for name in unknown]


def test_a_very_long_name_costs_no_time():
    begin = time.process_time()
    for n in range(100):
        assert kind_of("_a" * 100_000 + str(n)) is None
        assert content_of("bash", "_a" * 100_000 + str(n), {}) is None
    assert time.process_time() - begin < 2
