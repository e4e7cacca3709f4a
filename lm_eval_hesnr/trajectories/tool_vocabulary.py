"""The words in names of tools and arguments, by what the tool does or what the argument contains."""

from __future__ import annotations

from typing import Literal

Kind = Literal["prose", "other", "patch", "file", "python", "javascript", "sql", "shell", "short"]

VOCABULARY: dict[Kind, str] = {
    "prose": "think, thinking, thought, sequentialthinking, todo, todos, finish, =done, task done, =plan, update plan, "
    "plan mode, exit plan, create plan, task tracker, task tracking, task boundary, task complete, complete task, "
    "attempt completion, =task create, =task update, =question, =questions, followup question, user question, =ask, "
    "ask question, ask questions, ask user, ask human, suggest plan, =condense, user input, =respond, mode respond, "
    "final answer, notify user, message user, message to user, report intent, switch mode",
    "other": "agent, subagent, agents, swarm, =task, new task, delegate, dispatch, handoff, skill, slash command, "
    "powershell, power shell, pwsh",
    "patch": "patch, applypatch, apply diff",
    "file": "write file, write to file, write files, create file, create new file, create files, file write, "
    "file create, save file, append file, append to file, insert file, file edit, update file, edit, =write, =create, "
    "=insert, =append, editor, multiedit, replace, insert content, fs write, notebook, memory",
    "python": "python, ipython, jupyter, code interpreter, code execution, execute code, run code",
    "javascript": "javascript, js, node repl, browser evaluate, evaluate script",
    "sql": "sql",
    "shell": "bash, shell, sh, zsh, terminal, console, command, commands, cmd, process, exec, execute, run, tmux",
    "short": "read, view, list, ls, glob, grep, rg, search, find, fetch, get, open, cat, browse, browser, web, url, "
    "navigate, goto, screenshot, computer, click, scroll, hover, wait, sleep, tree, outline, symbol, symbols, "
    "definition, definitions, references, usages, diagnostics, problems, errors, codebase, output, kill, stop, stdin, "
    "move file, copy file, delete, remove file, rename file, create directory, mkdir, undo, submit, exit, cancel, "
    "image, git status, git diff, git log",
}
"""Kind -> phrases. A phrase is one or more neighbouring words of the name. A phrase after `=` is the whole name.

The kinds are tried in order. A tool has the first kind that has a phrase in the tool's name:

- `prose`: the tool does not act on the environment. The model thinks, plans, asks, or says that it is done.
- `other`: the tool gives work to another agent, or runs commands that are not for a POSIX shell. The language of its
  values is not known.
- `patch`, `file`: the tool changes files. The path next to a text decides the language of the text.
- `python`, `javascript`, `sql`: the tool runs code of this language.
- `shell`: the tool runs shell commands, if the call has an argument for a command.
- `short`: the tool reads, searches or controls something. Its arguments are short and have no language.
"""


def _names(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


COMMANDS = _names("command cmd command_line keystrokes script shell_command bash_command terminal_command")
CODE = _names("code input command cell script source function sql query")
CODE_IN_SHELL_TOOLS = _names("code")
"""`execute` with `command` is a shell. With `code` it runs Python, as in CodeAct."""
PATHS = _names(
    "path file_path filepath filename file_name file target_file relative_path absolute_path abs_path full_path "
    "notebook_path target_path relative_workspace_path uri file_uri dest destination dest_path destination_path "
    "output_path"
)
DIRECTORIES = _names("workdir work_dir working_directory working_dir cwd dir directory exec_dir")
TEXTS = _names(
    "file_text old_str new_str content contents file_content old_string new_string insert_text text new_content "
    "old_content code_edit insert_str old_text new_text replacement replacement_text replacement_content "
    "target_content replace search old_code new_code code code_content new_source old_source body old new find "
    "original updated snippet new_file_contents file_contents data lines new_lines"
)
"""Arguments that contain text of a file, if the call has a path."""
MAYBE_PATCHES = _names("input changes")
PATCHES = _names("patch diff model_patch unified_diff") | MAYBE_PATCHES
NOTES = _names(
    "task_progress justification explanation rationale reasoning thought thoughts thinking tool_action tool_summary "
    "task_summary intent"
)
"""Arguments that contain prose in every tool."""
EXPLANATIONS = _names("description summary reason purpose goal instruction instructions question questions")
"""Arguments that contain prose if the tool acts. In a tool that creates an issue, they are the work itself."""
EXPLANATION_ENDINGS = ("_reason", "_summary", "_explanation", "_description")
"""An argument whose name ends with one of these words, such as `riskLevelReason`, counts as one of `EXPLANATIONS`."""
