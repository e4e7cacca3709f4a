"""The vocabulary of tools: what a tool does and what its arguments contain, judged by the words of their names.

Agents give the same tool many names: `Bash`, `run_shell_command`, `developer__shell`, `container.exec`. Names are split
at every sign and at every capital letter, and their words are looked up in `VOCABULARY`. So a name that no known agent
uses is understood too, if it has known words. `unknown_names` lists the parts of a call that were not understood.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from functools import lru_cache
from typing import Any, Literal

from lm_eval_hesnr.trajectories.tool_vocabulary import (
    CODE,
    CODE_IN_SHELL_TOOLS,
    COMMANDS,
    DIRECTORIES,
    EXPLANATION_ENDINGS,
    EXPLANATIONS,
    MAYBE_PATCHES,
    NOTES,
    PATCHES,
    PATHS,
    TEXTS,
    VOCABULARY,
    Kind,
)

Content = Literal["prose", "command", "code", "path", "text", "patch"]


def words(name: str) -> list[str]:
    """The words of a name in lower case, split at signs and capital letters: `TodoWrite` is `todo`, `write`."""
    return [word.lower() for word in _WORD.findall(name)]


def kind_of(tool: str) -> Kind | None:
    """What a tool does, by its name; None if the name has no known word.

    A name may begin with the name of a server, such as `mcp__files__write_file` or `container.exec`. The last part
    decides. If it has no known word, the whole name decides.
    """
    return _kind_of(tool) if len(tool) <= _MAX_NAME else None


@lru_cache(maxsize=4096)
def _kind_of(tool: str) -> Kind | None:
    last = _PREFIX.sub("", tool)
    return next((kind for name in (last, tool) if (kind := _kind_by_words(words(name)))), None)


def _kind_by_words(found: list[str]) -> Kind | None:
    phrases = {" ".join(found[i:j]) for i in range(len(found)) for j in range(i + 1, min(i + _LONGEST, len(found)) + 1)}
    phrases.add("=" + " ".join(found))
    return next((kind for kind, known in _PHRASES.items() if phrases & known), None)


def argument_name(name: str) -> str:
    """An argument's name in snake case: `oldString` and `OldString` are `old_string`."""
    return _snake_case(name) if len(name) <= _MAX_NAME else name


@lru_cache(maxsize=4096)
def _snake_case(name: str) -> str:
    return "_".join(words(name))


def is_command(name: str) -> bool:
    """Whether an argument contains a shell command, if its tool is a shell."""
    return argument_name(name) in COMMANDS


def command_argument(tool: str, arguments: Mapping[str, Any]) -> str | None:
    """The argument that contains the command of a shell tool; None if the tool is not a shell or has no command."""
    return next((name for name in arguments if is_command(name)), None) if kind_of(tool) == "shell" else None


def is_shell_wrapper(before: Sequence[str]) -> bool:
    """Whether these words of a command make a shell run the next word, as in `["bash", "-lc", "ls"]`."""
    return len(before) == 2 and before[0].endswith("sh") and before[1] in ("-c", "-lc")


def is_code_mode(tool: str, name: str) -> bool:
    """Whether an argument is a JavaScript program that calls tools, as in Codex's `exec`."""
    return name == "input" and tool.rpartition(".")[2] == "exec"


def content_of(tool: str, name: str, arguments: Mapping[str, Any]) -> Content | None:
    """What one argument contains; None if neither the tool nor the name of the argument decides.

    Args:
        tool: name of the tool, as the model wrote it or as a reader renamed it.
        name: name of the argument. For a value inside a list or an object: the nearest key above the value.
        arguments: all arguments of the call, to find the path of a text.
    """
    content = _content_by_names(tool[: _MAX_NAME + 1], name[: _MAX_NAME + 1])
    if content is None and name == "input" and _is_plain_shell(tool, arguments):
        return "command"
    if content == "text" and not any(paths_of(arguments)):
        return None
    if content == "explanation":
        return "prose" if _is_named(tool, arguments) else None
    return content


@lru_cache(maxsize=4096)
def _content_by_names(tool: str, name: str) -> Content | Literal["explanation"] | None:
    """What an argument contains if its call has a path. An explanation is prose only if the tool is known."""
    kind, name = kind_of(tool), _NUMBER.sub("", argument_name(name))  # `old_str_1` is `old_str`
    if kind == "prose" or name in NOTES:
        return "prose"
    if kind == "shell" and name in (*COMMANDS, "commands"):
        return "command"
    if name in (CODE if kind in ("python", "javascript", "sql") else CODE_IN_SHELL_TOOLS if kind == "shell" else ()):
        return "code"
    if name in PATCHES and not (kind == "shell" and name == "input"):
        return "patch"
    if name in TEXTS and kind != "short":
        return "text"
    if (name in EXPLANATIONS or name.endswith(EXPLANATION_ENDINGS)) and kind != "other":
        return "explanation"
    return "path" if name in PATHS else None


def paths_of(arguments: Mapping[str, Any]) -> Iterator[str]:
    """The paths that a call names."""
    return (value for name, value in arguments.items() if argument_name(name) in PATHS and isinstance(value, str))


def unknown_names(tool: str, arguments: dict[str, Any]) -> list[str]:
    """The unknown names of a call: the tool, or `tool.argument` for a text in a call of an editor or a shell.

    An unknown tool does not count if the names of its arguments decide how each text is labelled.
    """
    kind = kind_of(tool) if _is_named(tool, arguments) else None
    if kind not in (None, "file", "shell"):
        return []
    undecided = {name: list(_undecided(tool, name, value, arguments)) for name, value in arguments.items()}
    if kind is None:
        return [tool] if any(undecided.values()) else []
    return [f"{tool}.{name}" for name, texts in undecided.items() if any(map(_has_words, texts))]


def _undecided(tool: str, name: str, value: Any, around: MutableMapping[str, Any], depth: int = 4) -> Iterator[str]:
    """Yield the texts in an argument, up to `depth` levels down, if no name shows what they contain."""
    if content_of(tool, name, around) and (argument_name(name) not in MAYBE_PATCHES or kind_of(tool) == "shell"):
        return
    if isinstance(value, str):
        is_subcommand = name == "command" and len(value.split()) == 1 and any(paths_of(around))
        if not (is_subcommand or is_code_mode(tool, name) or argument_name(name) in DIRECTORIES):
            yield value
    elif isinstance(value, dict) and depth:
        for key, inside in value.items():
            yield from _undecided(tool, key, inside, ChainMap(value, around), depth - 1)
    elif isinstance(value, list) and depth:
        for inside in value:
            yield from _undecided(tool, name, inside, around, depth - 1)


def _has_words(text: str) -> bool:
    """Whether a text has at least two words. The language of a single word does not matter."""
    return sum(any(map(str.isalpha, word)) for word in text[:_MAX_TEXT].split()) > 1


def _is_plain_shell(tool: str, arguments: Mapping[str, Any]) -> bool:
    """Whether a tool takes a shell command as plain text in `input`. An argument with a directory may follow."""
    return (
        kind_of(tool) == "shell"
        and bool(set(words(tool)) & _SHELLS)
        and all(name == "input" or argument_name(name) in DIRECTORIES for name in arguments)
    )


def _is_named(tool: str, arguments: Mapping[str, Any]) -> bool:
    """Whether the tool's name alone shows its kind. `run` and `execute` do not, if the call has no command."""
    kind = kind_of(tool)
    if kind != "shell" or command_argument(tool, arguments) or set(words(tool)) & _SHELLS:
        return kind is not None
    return any(argument_name(name) in CODE_IN_SHELL_TOOLS or is_code_mode(tool, name) for name in arguments)


def _phrases(listed: str) -> frozenset[str]:
    return frozenset(phrase.strip() for phrase in listed.split(","))


_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_NUMBER = re.compile(r"(?:_\d+)+\Z")
_MAX_TEXT = 1000
"""Two words are searched in this number of characters at the start of a text."""
_PREFIX = re.compile(r".*(?:__|[.:/])(?=[^_.:/])", re.DOTALL)
_MAX_NAME = 200
"""Characters. A longer name is not a name, but text of a hostile file."""
_PHRASES = {kind: _phrases(listed) for kind, listed in VOCABULARY.items()}
_LONGEST = max(len(phrase.split()) for known in _PHRASES.values() for phrase in known)
_SHELLS = frozenset({"bash", "shell", "sh", "zsh", "terminal", "console", "tmux"})
