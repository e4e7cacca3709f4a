"""Scripts inside a shell command: the text after `python -c`, and heredocs.

Scripts for `perl`, `sed` and `awk` are not parsed, so their comments are not found.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

from tree_sitter import Node

from lm_eval_hesnr.labelling.budget import Budget
from lm_eval_hesnr.labelling.languages import is_script_flag, language_of_path, language_of_program
from lm_eval_hesnr.labelling.parsing import Tree, matches

_QUERY = """
(command argument: (word) @flag . argument: [(string) (raw_string) (concatenation)] @script) @command
"""
_RUNNER_NAMES = (
    "sudo env time timeout nohup nice exec command xargs find stdbuf setsid unbuffer docker podman kubectl "
    "uv poetry pipenv pdm hatch conda mamba micromamba rye pixi bundle npx"
)
_RUNNERS = frozenset(_RUNNER_NAMES.split())
"""Commands that run the command given in their arguments."""
_NO_COMMAND = ":"
"""After masking, a heredoc without a command has this command."""
_MAX_PROGRAM_SEARCH = 20
"""The program of a command is searched in this many of its first words."""


class Script(NamedTuple):
    """Code inside a shell command, as one or more pieces of the source: (start byte, end byte, quote)."""

    pieces: list[tuple[int, int, str]]
    language: str


def scripts(tree: Tree, budget: Budget) -> Iterator[Script]:
    """Every script after a flag in a parsed shell action."""
    languages: dict[int, str | None] = {}  # the query matches a command once for each of its flags
    for captures in matches(tree, "bash", _QUERY, budget) or ():
        command, flag = captures["command"][0], tree.text(captures["flag"][0])
        if command.id not in languages:
            languages[command.id] = _program(_words(tree, command)).language
        language = languages[command.id]
        if language and language != "patch" and is_script_flag(language, flag):
            languages[command.id] = None  # words after the first script are its arguments
            pieces = list(_pieces(captures["script"][0]))
            if pieces:
                yield Script(pieces, language)


class _Program(NamedTuple):
    """The program that a command runs."""

    name: str
    language: str | None
    arguments: list[str]


def _program(words: list[str]) -> _Program:
    """The program of a command, after `sudo`, `timeout 60` and similar words, with its language if it runs scripts."""
    for i, word in enumerate(words):
        name, rest = PurePosixPath(word).name, words[i + 1 :]
        if name in ("apply_patch", "applypatch", "patch") or (name == "git" and rest[:1] in (["apply"], ["am"])):
            return _Program(name, "patch", rest)
        language = language_of_program(word)
        if language or name in ("cat", "tee"):
            return _Program(name, language, rest)
        if i == 0 and name not in _RUNNERS:
            break
    return _Program(words[0] if words else "", None, words[1:])


def heredoc_language(tree: Tree, redirection: int) -> str | None:
    """The language of a heredoc: for `cat` and `tee` that of the written file, otherwise that of the program.

    Args:
        tree: the tree of the masked action.
        redirection: the byte of the sign `<` that stands for the heredoc.
    """
    statement = _statement_with(tree.root, redirection)
    if statement is None:
        return None
    command = _last_command(_body(statement))
    program, files = _program(_words(tree, command)), [*_targets(tree, command), *_targets(tree, statement)]
    if program.name == "cat" and not files and statement.parent is not None and statement.parent.type == "pipeline":
        following = statement.next_named_sibling  # cat <<EOF | python
        program = _program(_words(tree, _body(following))) if following is not None else program
        files = [*_targets(tree, following), *_targets(tree, statement.parent.parent)]
    if program.name == "tee":
        files = [*program.arguments, *files]
    elif program.name not in ("cat", "", _NO_COMMAND):
        return _stdin_language(program)
    return next((language for file in files if (language := language_of_path(file))), None)


def _statement_with(root: Node, redirection: int) -> Node | None:
    """The statement that a redirection belongs to, with all its redirections."""
    sign = root.descendant_for_byte_range(redirection, redirection + 1)
    redirect = sign.parent if sign is not None else None
    statement = redirect.parent if redirect is not None and redirect.type == "file_redirect" else None
    around = statement.parent if statement is not None and statement.type == "command" else None
    return around if around is not None and around.type == "redirected_statement" else statement


def _targets(tree: Tree, statement: Node | None) -> list[str]:
    """The files that a statement writes standard output to."""
    return [name for node in statement.children if (name := _target(tree, node))] if statement is not None else []


def _stdin_language(program: _Program) -> str | None:
    """The language of a script on standard input. None if the program has another script: then its input is data."""
    if program.language in (None, "patch", "sql"):
        return program.language
    operands = [word for word in program.arguments if word not in ("-", "/dev/stdin", "-s")]
    has_script = any(not word.startswith("-") or word in ("-m", "-c", "-e") for word in operands)
    return None if has_script and "-s" not in program.arguments else program.language


def _pieces(node: Node) -> Iterator[tuple[int, int, str]]:
    """The parts of a shell word, without their quotes."""
    for part in node.children if node.type == "concatenation" else [node]:
        quoted = part.type in ("string", "raw_string")
        if quoted:
            yield part.start_byte + 1, part.end_byte - 1, '"' if part.type == "string" else "'"
        else:
            yield part.start_byte, part.end_byte, "'"


def _target(tree: Tree, redirect: Node) -> str:
    """The file that a redirection writes standard output to; empty for `2>`, `2>&1` and input."""
    if redirect.type != "file_redirect" or redirect.child(0) is None:
        return ""
    first = redirect.children[0]
    destination = redirect.child_by_field_name("destination")
    if first.type not in (">", ">>", ">|", "&>") and tree.text(first) != "1":
        return ""
    return _unquoted(tree, destination)


def _body(node: Node | None) -> Node | None:
    """The command without its redirections."""
    return node.child_by_field_name("body") if node is not None and node.type == "redirected_statement" else node


def _last_command(node: Node | None) -> Node | None:
    """The last command of `a && b` or `a | b`. A redirection at the end belongs to it."""
    while node is not None and node.type in ("list", "pipeline"):
        node = node.named_child(node.named_child_count - 1)
    return node


def _words(tree: Tree, command: Node | None) -> list[str]:
    """The first words of a command, without quotes."""
    if command is None or command.type != "command":
        return []
    words: list[str] = []
    for child in command.children[: 2 * _MAX_PROGRAM_SEARCH]:
        if child.type == "command_name" or (words and child.is_named and child.type != "herestring_redirect"):
            words.append(_unquoted(tree, child))
        if len(words) == _MAX_PROGRAM_SEARCH:
            break
    return words


def _unquoted(tree: Tree, node: Node | None) -> str:
    return tree.text(node).strip("'\"")
