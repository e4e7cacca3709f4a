"""The language of each argument of a tool call, by the tool, the argument's name and the path beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lm_eval_hesnr.labelling.languages import is_script_flag, language_of_path, language_of_program
from lm_eval_hesnr.labelling.patches import is_patch
from lm_eval_hesnr.trajectories.tools import PROSE_TOOLS, SHELL_TOOLS

PROSE = "prose"
"""The language of a tool's values that are no code of any kind."""
SHELL_ARGUMENTS = frozenset({"command", "cmd", "keystrokes", "script"})
_PYTHON_TOOL_NAMES = (
    "execute execute_ipython_cell run_ipython ipython execute_ipython python execute_python run_python "
    "python_interpreter code_interpreter jupyter python_repl"
)
_PYTHON_TOOLS = frozenset(_PYTHON_TOOL_NAMES.split())
_PYTHON_ARGUMENTS = frozenset({"code", "input", "command", "cell", "script", "source"})
_PATHS = (
    "path",
    "file_path",
    "filepath",
    "filename",
    "file_name",
    "file",
    "target_file",
    "relative_path",
    "TargetFile",
)
_TEXT_NAMES = (
    "file_text old_str new_str content contents old_string new_string insert_text text new_content old_content "
    "code_edit insert_str old_text new_text replacement replacement_text replace search old_code "
    "new_code code CodeContent"
)
_TEXTS = frozenset(_TEXT_NAMES.split())
"""Arguments of editors that hold text of the file; the others are short and belong to no language."""
_PATCHES = frozenset({"patch", "diff", "input", "model_patch", "unified_diff", "changes"})


def language_of(tool: str, name: str, value: str, arguments: Mapping[str, Any]) -> str | None:
    """The language of one argument: a key of `languages.GRAMMARS`, `patch`, `PROSE`, or None where none can be told.

    Args:
        tool: the tool's name, as emitted or as a reader renamed it.
        name: the argument's, or where it is a list or an object, the nearest key inside it.
        value: the decoded argument.
        arguments: all arguments of the call; an editor's path is among them.
    """
    if tool in PROSE_TOOLS:
        return PROSE
    if (tool == "bash" or tool in SHELL_TOOLS) and name in SHELL_ARGUMENTS:
        return (
            None if value.rstrip().endswith("end_of_edit") else "bash"
        )  # SWE-agent's `edit 1:2`: lines of an open file
    if name in _PATCHES and is_patch(value):
        return "patch"
    if name in _TEXTS:
        path = next((arguments[key] for key in _PATHS if isinstance(arguments.get(key), str)), None)
        if path is not None:
            return language_of_path(path)
    return "python" if tool in _PYTHON_TOOLS and name in _PYTHON_ARGUMENTS else None


def language_of_word(before: list[str]) -> str | None:
    """The language of one word of a command given as a list, such as `["bash", "-lc", "ls"]`, after those before it."""
    language = language_of_program(before[0]) if len(before) > 1 else None
    return language if language and is_script_flag(language, before[-1]) else None
