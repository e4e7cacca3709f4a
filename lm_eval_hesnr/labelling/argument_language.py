"""The language of each argument of a tool call, from the tool, the name of the argument and the path beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lm_eval_hesnr.labelling.languages import is_script_flag, language_of_path, language_of_program
from lm_eval_hesnr.labelling.patches import is_patch
from lm_eval_hesnr.trajectories.tools import PROSE_TOOLS, SHELL_TOOLS

PROSE = "prose"
"""The language of values that are plain text, not code."""
SHELL_ARGUMENTS = frozenset({"command", "cmd", "keystrokes", "script"})
_PYTHON_TOOL_NAMES = (
    "execute execute_ipython_cell run_ipython ipython execute_ipython python execute_python run_python "
    "python_interpreter code_interpreter jupyter python_repl"
)
_PYTHON_TOOLS = frozenset(_PYTHON_TOOL_NAMES.split())
_PYTHON_ARGUMENTS = frozenset({"code", "input", "command", "cell", "script", "source"})
_PATH_ARGUMENTS = (
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
_FILE_TEXT_ARGUMENT_NAMES = (
    "file_text old_str new_str content contents old_string new_string insert_text text new_content old_content "
    "code_edit insert_str old_text new_text replacement replacement_text replace search old_code "
    "new_code code CodeContent"
)
_FILE_TEXT_ARGUMENTS = frozenset(_FILE_TEXT_ARGUMENT_NAMES.split())
"""Arguments of editors that contain text of the file. Other arguments are short and have no language."""
_PATCH_ARGUMENTS = frozenset({"patch", "diff", "input", "model_patch", "unified_diff", "changes"})


def language_of(tool: str, name: str, value: str, arguments: Mapping[str, Any]) -> str | None:
    """The language of one argument: a key of `languages.GRAMMARS`, `patch`, `PROSE`, or None if it is not known.

    Args:
        tool: name of the tool, as the model wrote it or as a reader renamed it.
        name: name of the argument. For a value inside a list or an object: the nearest key above the value.
        value: the decoded value.
        arguments: all arguments of the call. An editor's path is one of them.
    """
    if tool in PROSE_TOOLS:
        return PROSE
    if (tool == "bash" or tool in SHELL_TOOLS) and name in SHELL_ARGUMENTS:
        is_file_edit = value.rstrip().endswith("end_of_edit")  # SWE-agent's `edit 1:2` contains lines of the open file
        return None if is_file_edit else "bash"
    if name in _PATCH_ARGUMENTS and is_patch(value):
        return "patch"
    if name in _FILE_TEXT_ARGUMENTS:
        path = next((arguments[key] for key in _PATH_ARGUMENTS if isinstance(arguments.get(key), str)), None)
        if path is not None:
            return language_of_path(path)
    return "python" if tool in _PYTHON_TOOLS and name in _PYTHON_ARGUMENTS else None


def language_of_word(words_before: list[str]) -> str | None:
    """The language of one word of a command that is a list of words, such as `["bash", "-lc", "ls"]`.

    Only a word that directly follows a script flag has a language.
    """
    language = language_of_program(words_before[0]) if len(words_before) > 1 else None
    return language if language and is_script_flag(language, words_before[-1]) else None
