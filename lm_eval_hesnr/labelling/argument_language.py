"""The language of each argument of a tool call: decided by the tool, the argument's name and a path in the call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lm_eval_hesnr.labelling.budget import Budget
from lm_eval_hesnr.labelling.edit_blocks import has_edit_blocks
from lm_eval_hesnr.labelling.languages import GRAMMARS, is_script_flag, language_of_path, language_of_program
from lm_eval_hesnr.labelling.patches import is_patch
from lm_eval_hesnr.trajectories.tools import content_of, is_code_mode, is_shell_wrapper, kind_of, paths_of

PROSE = "prose"
"""The language of values that are plain text, not code."""
CODE_MODE = "code mode"
"""The language of JavaScript programs that call tools."""
EDIT_BLOCKS = "edit blocks "
"""The language of SEARCH/REPLACE blocks is this prefix, followed by the language of the edited file."""
_CELL_LANGUAGES = ("language", "lang", "cell_type")
"""Arguments that name the language of code, such as `python` or `markdown`."""


def language_of(tool: str, name: str, value: str, arguments: Mapping[str, Any], budget: Budget) -> str | None:
    """The language of one argument, or None if it is not known or if the budget is used up.

    It is a key of `languages.GRAMMARS`, `patch`, `PROSE`, `CODE_MODE`, or `EDIT_BLOCKS` with the language of a file.

    Args:
        tool: name of the tool, as the model wrote it or as a reader renamed it.
        name: name of the argument. For a value inside a list or an object: the nearest key above the value.
        value: the decoded value.
        arguments: all arguments of the call. An editor's path is one of them.
        budget: what may still be spent on the action.
    """
    if not budget.look_up(arguments):
        return None
    content = content_of(tool, name, arguments)
    if content == "prose":
        return PROSE
    if content == "command":
        is_file_edit = value.rstrip().endswith("end_of_edit")  # SWE-agent's `edit 1:2` contains lines of the open file
        return None if is_file_edit else "bash"
    if is_code_mode(tool, name):
        return CODE_MODE
    if content == "code":
        return _language_of_code(tool, arguments)
    if content not in ("patch", "text"):
        return None
    if content == "patch" and is_patch(value):
        return "patch"
    language = _language_of_file(value, arguments)
    return f"{EDIT_BLOCKS}{language or ''}" if has_edit_blocks(value) else language if content == "text" else None


def _language_of_code(tool: str, arguments: Mapping[str, Any]) -> str | None:
    """The language of code that a tool runs: the language named in an argument, otherwise that of the tool."""
    named = next((arguments[key] for key in _CELL_LANGUAGES if isinstance(arguments.get(key), str)), None)
    if named is None:
        kind = kind_of(tool)
        return kind if kind in GRAMMARS else "python"
    return named.lower() if named.lower() in GRAMMARS else language_of_program(named.lower())


def _language_of_file(text: str, arguments: Mapping[str, Any]) -> str | None:
    """The language of a text in the file that the call edits. A cell of a notebook is Python or Markdown."""
    for path in paths_of(arguments):
        if path.strip().endswith(".ipynb"):
            is_code = not any(arguments.get(key) == "markdown" for key in _CELL_LANGUAGES)
            return "python" if is_code and not text.lstrip().startswith("{") else None
        if language := language_of_path(path):
            return language
    return None


def language_of_word(words_before: list[str]) -> str | None:
    """The language of one word of a command that is a list of words, such as `["bash", "-lc", "ls"]`.

    Only a word that directly follows a script flag has a language.
    """
    language = language_of_program(words_before[0]) if len(words_before) > 1 else None
    return language if language and is_script_flag(language, words_before[-1]) else None


def shell_wrapper(words_before: Sequence[Sequence[str]]) -> set[int]:
    """The indices of the words `bash` and `-lc` in `["bash", "-lc", "ls"]`: they are markup around the action.

    Args:
        words_before: for each value, the earlier words of its command; empty if it is not a word of a command.
    """
    found: set[int] = set()
    for i, before in enumerate(words_before):
        is_last = i + 1 == len(words_before) or len(words_before[i + 1]) <= len(before)
        if is_last and is_shell_wrapper(before):
            found.update((i - 2, i - 1))
    return found
