"""Replaces the parts of a shell action that its grammar misreads: heredocs, backticks and complex `${...}`.

The grammar reads lines of some heredocs as shell comments, for example if two heredocs begin on one line or if the
delimiter is empty. It also misreads the text after backticks inside backticks and after `${x%]*}`. So a small
scanner finds these parts by the rules of the shell. The grammar parses a text in which each part is a plain word of the
same length. A heredoc becomes an input redirection, and its body becomes blanks.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from lm_eval_hesnr.labelling.positions import Span

_IN_COMMAND = re.compile(
    r"""(?P<skip>\\.|'[^']*'|\$'(?:[^'\\]|\\.)*'|<<<|\$\{\w+\}|\#(?<![^\s;&|()]\#)[^\n]*)|(?P<quote>")|(?P<tick>`)"""
    r"""|(?P<sum>\$?\(\((?=[^\n]{0,200}\)\)))|(?P<open>[$<>]?\()|(?P<close>\))|(?P<brace>\$\{)|(?P<heredoc><<-?)|(?P<line>\n)"""
    r"""|(?P<case>case\b|esac\b)|(?P<broken>')""",
    re.DOTALL,
)
_IN_QUOTES = re.compile(
    r"""(?P<skip>\\.|\$\{\w+\})|(?P<unquote>")|(?P<tick>`)|(?P<sum>\$\(\((?=[^\n]{0,200}\)\)))|(?P<open>\$\()|(?P<brace>\$\{)""",
    re.DOTALL,
)
_IN_SUM = re.compile(r"(?P<skip>\\.)|(?P<open>\()|(?P<close>\))", re.DOTALL)
_TICKED = re.compile(r"(?:[^`\\]|\\.)*", re.DOTALL)
_IN_BRACES = re.compile(r"""\\.|'[^']*'|"(?:[^"\\]|\\.)*"|\$\{|\}""", re.DOTALL)
_IN_QUOTED_BRACES = re.compile(r"""\\.|"(?:[^"\\]|\\.)*"|\$\{|\}""", re.DOTALL)
_DELIMITER = re.compile(r"""[ \t]*((?:'[^'\n]*'|"[^"\n]*"|\\.|[^\s'"\\;&|()<>`])+)""")
_QUOTING = re.compile(r"""['"\\]""")
_REDIRECTION = r">{1,2}[ \t]*[^\s;&|<>()]+"
_REDIRECTIONS = rf"(?:\d?{_REDIRECTION}(?:[ \t]+\d?{_REDIRECTION}|{_REDIRECTION})*[ \t]*)?"
"""A digit directly after a word belongs to it. If it could also begin a redirection, the time would be exponential."""
_NO_COMMAND_BEFORE = re.compile(rf"(?:\A|[\n;&|(])[ \t]*{_REDIRECTIONS}\Z")
_NO_COMMAND_AFTER = re.compile(rf"[ \t]*{_REDIRECTIONS}(?=[\n;&|)]|\Z)")
_BEGINS_COMMAND = re.compile(r"(?:\A|[\n;&|({]|\b(?:do|then|else))\s*\Z")
_MAX_LOOK = 200
"""Characters. How far before and after a position a command is searched."""


class Heredoc(NamedTuple):
    """A heredoc, by positions in the text."""

    redirection: int
    """Position of its input redirection, `<`, in the masked text."""
    start: int
    """The body, without the line of the delimiter."""
    end: int
    quoted: bool
    """Whether the delimiter is quoted. If it is, a backslash in the body has no special meaning."""


class Masked(NamedTuple):
    """A shell action for the parser, with the parts that were replaced in it."""

    text: str
    """The masked text, with the length of the action."""
    heredocs: list[Heredoc]
    in_backticks: list[Span]
    """The inside of each command substitution in backticks. Substitutions inside it are part of it."""


def mask_shell(code: str) -> Masked:
    """The action without the parts that the grammar misreads. After an unclosed quote nothing is masked."""
    if "<<" not in code and "`" not in code and "${" not in code:
        return Masked(code, [], [])
    scanner = _Scanner(code)
    scanner.scan()
    pieces, position = [], 0
    for start, end, instead in sorted(scanner.masks):
        pieces += [code[position:start], instead]
        position = end
    return Masked("".join([*pieces, code[position:]]), scanner.heredocs, scanner.in_backticks)


class _Pending(NamedTuple):
    """A heredoc whose body has not begun."""

    redirection: int
    delimiter: str
    quoted: bool
    tabs: bool
    """Whether tabs may stand before the closing delimiter."""


class _Scanner:
    """Reads a shell action from left to right and collects the parts to mask."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.masks: list[tuple[int, int, str]] = []
        """(start, end, replacement), without overlaps."""
        self.heredocs: list[Heredoc] = []
        self.in_backticks: list[Span] = []
        self._inside: list[str] = []
        """The open constructs, innermost last: `(`, `case`, `"` or `sum` (an arithmetic expression)."""
        self._pending: list[_Pending] = []
        self._braces_close = True

    def scan(self) -> None:
        """Read the whole action, or up to a quote that is not closed."""
        patterns = {'"': _IN_QUOTES, "sum": _IN_SUM}
        position = 0
        while match := patterns.get(self._inside[-1] if self._inside else "", _IN_COMMAND).search(self.code, position):
            position = self._step(match.lastgroup or "", match)
            if position < 0:
                return

    def _step(self, kind: str, match: re.Match[str]) -> int:
        """Process one token. Return the position after it, or -1 if the rest cannot be read."""
        start, end = match.span()
        if kind == "quote":
            self._inside.append('"')
        elif kind == "open":
            self._inside.append("sum" if self._top() == "sum" else "(")
        elif kind == "sum":
            self._inside += ["sum", "sum"]
        elif kind == "unquote" or (kind == "close" and self._top() in ("(", "sum")):
            self._inside.pop()
        elif kind == "case":
            self._case(match.group(), start)
        elif kind == "tick":
            return self._backticks(start)
        elif kind == "brace":
            return self._braces(start, end)
        elif kind == "heredoc":
            return self._heredoc(start, end)
        elif kind == "line" and self._pending:
            return self._bodies(end)
        return -1 if kind == "broken" else end

    def _top(self) -> str:
        return self._inside[-1] if self._inside else ""

    def _case(self, word: str, start: int) -> None:
        """In `case`, a `)` closes a pattern."""
        if not _BEGINS_COMMAND.search(self.code[max(start - _MAX_LOOK, 0) : start]):
            return
        if word == "case":
            self._inside.append("case")
        elif self._top() == "case":
            self._inside.pop()

    def _backticks(self, start: int) -> int:
        ticked = _TICKED.match(self.code, start + 1)
        end = ticked.end() if ticked else start
        if not self.code.startswith("`", end):
            return -1
        self.in_backticks.append(Span(start + 1, end))
        self.masks.append((start, end + 1, "x" * (end + 1 - start)))
        return end + 1

    def _braces(self, start: int, end: int) -> int:
        pattern = _IN_QUOTED_BRACES if self._top() == '"' else _IN_BRACES
        depth, position = 1, end
        while self._braces_close and depth:
            match = pattern.search(self.code, position)
            if match is None:
                self._braces_close = False  # do not search again: that would take quadratic time
                return end
            depth += {"${": 1, "}": -1}.get(match.group(), 0)
            position = match.end()
        if depth == 0:
            self.masks.append((start, position, "x" * (position - start)))
        return position

    def _heredoc(self, start: int, end: int) -> int:
        word = _DELIMITER.match(self.code, end)
        if word is None:
            return end
        is_alone = _NO_COMMAND_BEFORE.search(self.code[max(start - _MAX_LOOK, 0) : start]) and _NO_COMMAND_AFTER.match(
            self.code, word.end(), word.end() + _MAX_LOOK
        )
        instead = ":<" if is_alone else "<"  # the grammar would take the next line for the command
        self.masks.append((start, word.end(), instead.ljust(word.end() - start, "x")))
        quoted = _QUOTING.search(word.group(1)) is not None
        delimiter = _QUOTING.sub("", word.group(1))
        self._pending.append(_Pending(start + len(instead) - 1, delimiter, quoted, self.code[end - 1] == "-"))
        return word.end()

    def _bodies(self, start: int) -> int:
        """Skip the bodies of all pending heredocs; the first begins at `start`. Return the end of the last."""
        begin = start
        for redirection, delimiter, quoted, tabs in self._pending:
            last = r"(?=\r?$|\))" if "(" in self._inside else r"(?=\r?$)"
            closing = re.compile(("^\t*" if tabs else "^") + re.escape(delimiter) + last, re.MULTILINE)
            found = closing.search(self.code, start)
            end, after = found.span() if found else (len(self.code), len(self.code))
            self.heredocs.append(Heredoc(redirection, start, end, quoted))
            start = min(after + 1, len(self.code)) if len(self._pending) > 1 else after
        self._pending = []
        self.masks.append((begin, start, " " * (start - begin)))
        return start


_PHP_OPENING = re.compile(r"""<<<[ \t]*(["']?)([A-Za-z_]\w*)\1[ \t]*\n""")


def mask_php(code: str) -> str:
    """The code with blanks for the bodies of its heredocs, because the grammar would find comments in them."""
    pieces, position = [], 0
    while opening := _PHP_OPENING.search(code, position):
        closing = re.compile(rf"^[ \t]*{opening[2]}\b", re.MULTILINE).search(code, opening.end())
        if closing is None:
            break
        pieces += [code[position : opening.end()], " " * (closing.start() - opening.end())]
        position = closing.start()
    return "".join([*pieces, code[position:]])
