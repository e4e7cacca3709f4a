"""Scripts that a shell command carries: the text after `python -c`, heredocs by their target or their reader.

A script for `perl`, `sed` or `awk` is left whole: no comment is told in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

from tree_sitter import Node, QueryCursor

from lm_eval_hesnr.labelling.languages import is_script_flag, language_of_path, language_of_program, query

_QUERY = """
(redirected_statement (heredoc_redirect)) @statement
(command argument: (word) @flag . argument: [(string) (raw_string) (concatenation)] @script) @command
"""
_RUNNER_NAMES = (
    "sudo env time timeout nohup nice exec command xargs find stdbuf setsid unbuffer docker podman kubectl "
    "uv poetry pipenv pdm hatch conda mamba micromamba rye pixi bundle npx"
)
_RUNNERS = frozenset(_RUNNER_NAMES.split())
"""Commands that run the command in their arguments."""
_MAX_WORDS = 20
"""How far into a command its program is looked for."""


class Script(NamedTuple):
    """Code that a shell node carries: pieces of source that spell it, each as (start byte, end byte, quote)."""

    pieces: list[tuple[int, int, str]]
    language: str


def scripts(root: Node) -> Iterator[Script]:
    """Every script in a parsed shell action, wherever it stands."""
    seen: set[int] = set()
    languages: dict[int, str | None] = {}  # a command is matched once for each of its flags
    for _, captures in QueryCursor(query("bash", _QUERY)).matches(root):
        if "statement" in captures:
            yield from _heredocs(captures["statement"][0], seen)
            continue
        command, flag = captures["command"][0], _source(captures["flag"][0])
        if command.id not in languages:
            languages[command.id] = _program(_words(command)).language
        language = languages[command.id]
        if language and language != "patch" and is_script_flag(language, flag):
            languages[command.id] = None  # the first script counts; what follows are its arguments
            pieces = list(_pieces(captures["script"][0]))
            if pieces:
                yield Script(pieces, language)


class _Program(NamedTuple):
    """What a command runs."""

    name: str
    language: str | None
    rest: list[str]
    """Its arguments."""


def _program(words: list[str]) -> _Program:
    """The program behind `sudo`, `timeout 60` and the like; its language if it runs scripts."""
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


def _heredocs(statement: Node, seen: set[int]) -> Iterator[Script]:
    """Heredocs of one statement: by the file they are written to, else by the program that reads them."""
    if statement.id in seen:
        return
    seen.add(statement.id)
    reader = _program(_words(_last_command(_body(statement))))
    outer = [name for node in statement.children if (name := _target(node))]
    for redirect in statement.children:
        if redirect.type != "heredoc_redirect":
            continue
        content = next((node for node in redirect.children if node.type == "heredoc_body"), None)
        opening = next((node for node in redirect.children if node.type == "heredoc_start"), None)
        if content is None or opening is None:
            continue
        final = reader
        piped = next((node for node in redirect.children if node.type == "pipeline"), None)
        if piped is not None and reader.name == "cat":  # cat <<EOF | python
            final = _program(_words(_body(piped.named_child(0))))
        if final.name in ("cat", "tee", ""):
            targets = outer + [name for node in redirect.children if (name := _target(node))]
            names = [*final.rest, *targets] if final.name == "tee" else targets
            language = next((known for name in names if (known := language_of_path(name))), None)
        else:
            language = _reads(final)
        if language:
            bare = not re.search(r"""['"\\]""", _source(opening))
            yield Script([(content.start_byte, content.end_byte, "<<" if bare else "")], language)


def _reads(program: _Program) -> str | None:
    """The language of what a program reads from standard input; a script named in its arguments reads data instead."""
    if program.language in (None, "patch", "sql"):
        return program.language
    operands = [word for word in program.rest if word not in ("-", "/dev/stdin", "-s")]
    data = any(not word.startswith("-") or word in ("-m", "-c", "-e") for word in operands)
    return None if data and "-s" not in program.rest else program.language


def _pieces(node: Node) -> Iterator[tuple[int, int, str]]:
    """The quoted parts of a shell word."""
    for part in node.children if node.type == "concatenation" else [node]:
        quoted = part.type in ("string", "raw_string")
        if quoted:
            yield part.start_byte + 1, part.end_byte - 1, '"' if part.type == "string" else "'"
        else:
            yield part.start_byte, part.end_byte, "'"


def _target(redirect: Node) -> str:
    """The file that standard output is written to; empty for `2>`, `2>&1` and input."""
    if redirect.type != "file_redirect" or redirect.child(0) is None:
        return ""
    first = redirect.children[0]
    destination = redirect.child_by_field_name("destination")
    if first.type not in (">", ">>", ">|", "&>") and _source(first) != "1":
        return ""
    return _source(destination).strip("'\"")


def _body(node: Node | None) -> Node | None:
    """The command without its redirections."""
    return node.child_by_field_name("body") if node is not None and node.type == "redirected_statement" else node


def _last_command(node: Node | None) -> Node | None:
    """The command at the end of `a && b` or `a | b`: the one that a redirect after it belongs to."""
    while node is not None and node.type in ("list", "pipeline"):
        node = node.named_child(node.named_child_count - 1)
    return node


def _words(command: Node | None) -> list[str]:
    """The first words of a command, unquoted."""
    if command is None or command.type != "command":
        return []
    words: list[str] = []
    for child in command.children[: 2 * _MAX_WORDS]:
        if child.type == "command_name" or (words and child.is_named and child.type != "herestring_redirect"):
            words.append(_source(child).strip("'\""))
        if len(words) == _MAX_WORDS:
            break
    return words


def _source(node: Node | None) -> str:
    text = node.text if node is not None else None
    return text.decode("utf-8", "replace") if text else ""
