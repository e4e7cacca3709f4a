"""JavaScript programs that call tools, as Codex writes them in its code mode.

Example: `const r = await tools.exec_command({cmd: "ls"});`. Only the values in the calls are the action. A value may
also be a constant, or an element of a list that the program loops over. A patch is found anywhere in the program. The
result of an expression such as `` `${a}.txt` `` is not known, so its text is labelled as it is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tree_sitter import Node

from lm_eval_hesnr.labelling.argument_language import PROSE, language_of, language_of_word, shell_wrapper
from lm_eval_hesnr.labelling.budget import Budget
from lm_eval_hesnr.labelling.escapes import Decoded, as_written, javascript_string, join_parts
from lm_eval_hesnr.labelling.parser_limits import is_parsable
from lm_eval_hesnr.labelling.parsing import Tree, matches, parse
from lm_eval_hesnr.labelling.patches import is_patch
from lm_eval_hesnr.labelling.positions import Positions

_QUERY = """
(call_expression function: [
  (member_expression object: (identifier) @object property: (property_identifier) @tool)
  (subscript_expression object: (identifier) @object index: (string (string_fragment) @tool))
] arguments: (arguments) @arguments)
(variable_declarator name: (identifier) @name value: (_) @value)
(for_in_statement left: (identifier) @name right: (_) @value)
(call_expression function: (member_expression object: (_) @value) arguments: (arguments
  (arrow_function [parameter: (identifier) @name parameters: (formal_parameters (identifier) @name)])))
[(string) (template_string) (call_expression function: (member_expression object: (array)))] @string
"""
_MAX_DEPTH = 20
"""How many levels of nested objects, lists and names are followed."""


class ProgramValue(NamedTuple):
    """A value of a call in a program. It begins at the character `start`."""

    start: int
    decoded: Decoded
    language: str | None
    """As `language_of` returns it."""


def values_in_program(program: str, budget: Budget) -> list[ProgramValue]:
    """The values of all calls `tools.NAME(...)`, and all patches; empty if the program cannot be parsed."""
    if not is_parsable(program, "javascript"):
        return []
    tree = parse(program.encode(), "javascript", budget)
    found_parts = matches(tree, "javascript", _QUERY, budget) if tree else None
    if tree is None or found_parts is None:
        return []
    reader = _Reader(program, tree, budget)
    calls, strings = [], []
    for captures in found_parts:
        if "arguments" in captures:
            calls.append(captures)
        elif "name" in captures:
            reader.values.setdefault(tree.text(captures["name"][0]), captures["value"][0])
        else:
            strings += captures.get("string", [])
    found: dict[int, ProgramValue] = {}
    for captures in calls:
        if tree.text(captures["object"][0]) == "tools":
            for value in reader.values_of_call(tree.text(captures["tool"][0]), captures["arguments"][0]):
                found.setdefault(value.start, value)
    for node in strings:
        text = reader.text_of(node)
        if text and is_patch(text[1].value):
            found.setdefault(text[0], ProgramValue(*text, "patch"))
    return list(found.values())


class _Reader:
    """Reads the values of expressions in one program."""

    def __init__(self, program: str, tree: Tree, budget: Budget) -> None:
        self._text, self._budget = tree.text, budget
        self.values: dict[str, Node] = {}
        """Name -> its expression."""
        self._seen: set[int] = set()
        self._program = program
        self._positions = Positions(program, 0, [])

    def values_of_call(self, tool: str, arguments: Node) -> Iterator[ProgramValue]:
        """Yield the values in the arguments of one call. A bare string is the tool's `input`."""
        decoded = {
            name: text[1].value
            for first in arguments.named_children
            for name, value in self._members(self._expression(first))
            if (text := self.text_of(value))
        }
        for first in arguments.named_children:
            found = list(self._scalars(first, "", [], _MAX_DEPTH))
            wrapper = shell_wrapper([words for _, _, words in found])
            for i, (name, value, words) in enumerate(found):
                text = self.text_of(value)
                if text is None:  # a number, true, false or null
                    span = self._positions.span(value)
                    yield ProgramValue(span.start, as_written(self._program[span.start : span.end]), None)
                    continue
                language = language_of(tool, name or "input", text[1].value, decoded, self._budget)
                if words and language != PROSE:
                    language = language_of_word(words) or language
                if i not in wrapper or language == PROSE:
                    yield ProgramValue(*text, language)

    def _expression(self, node: Node) -> Node:
        """The expression that a name stands for; any other expression unchanged."""
        for _ in range(_MAX_DEPTH):
            if node.type not in ("identifier", "shorthand_property_identifier") or self._text(node) not in self.values:
                break
            node = self.values[self._text(node)]
        return node

    def _scalars(self, node: Node, key: str, words: list[str], depth: int) -> Iterator[tuple[str, Node, list[str]]]:
        """Yield the strings, numbers and words in an expression: (nearest key, node, strings before it in its list)."""
        node = self._expression(node)
        if node.id in self._seen:  # the value of a name may contain the name itself
            return
        self._seen.add(node.id)
        if self.text_of(node) or node.type in ("number", "true", "false", "null"):
            yield key, node, words
        elif node.type == "object":
            for name, value in self._members(node) if depth else ():
                yield from self._scalars(value, name, [], depth - 1)
        elif depth:
            before: list[str] = []
            for child in node.named_children:
                yield from self._scalars(child, key, before if key in ("command", "cmd") else [], depth - 1)
                text = self.text_of(child) if node.type == "array" else None
                before = [*before, text[1].value] if text and len(before) < _MAX_DEPTH else before

    def text_of(self, node: Node) -> tuple[int, Decoded] | None:
        """Start and value of a literal, of `"a" + "b"` or of `["a", "b"].join("")`; None for any other expression."""
        node, separator = self._expression(node), ""
        parts = [node]
        if node.type == "binary_expression":
            parts = self._summands(node)
        elif joined := self._joined_list(node):
            parts = joined.named_children
            arguments = node.child_by_field_name("arguments")
            given = self._literal(arguments.named_child(0)) if arguments is not None else None
            separator = given[1].value if given else ","
        literals = [self._literal(part) for part in parts]
        texts = [literal for literal in literals if literal]
        if not texts or len(texts) < len(literals):
            return None
        start, end = texts[0][0], texts[-1][0] + len(texts[-1][1].owner)
        return start, texts[0][1] if len(texts) == 1 else join_parts(texts, start, end, separator)

    def _literal(self, node: Node | None) -> tuple[int, Decoded] | None:
        """Start and value of a string literal; None for any other expression."""
        raw = False
        if node is not None and node.type == "call_expression":  # String.raw`a`
            raw = self._text(node.child_by_field_name("function")) == "String.raw"
            node = node.child_by_field_name("arguments") if raw else None
        if node is None or node.type not in ("string", "template_string"):
            return None
        span = self._positions.span(node)
        inside = self._program[span.start + 1 : span.end - 1]
        return span.start + 1, as_written(inside) if raw else javascript_string(inside)

    def _members(self, node: Node) -> Iterator[tuple[str, Node]]:
        """Yield the name and the value of each member of an object."""
        for child in node.named_children if node.type == "object" else ():
            key, value = child.child_by_field_name("key"), child.child_by_field_name("value")
            if child.type == "shorthand_property_identifier":
                yield self._text(child), child
            elif key is not None and value is not None:
                yield self._text(key).strip("'\""), value

    def _summands(self, node: Node) -> list[Node]:
        """The summands of `a + b + c`."""
        found: list[Node] = []
        for _ in range(1000):
            left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
            if node.type != "binary_expression" or left is None or right is None or self._text(node.child(1)) != "+":
                break
            found.insert(0, right)
            node = left
        return [node, *found]

    def _joined_list(self, node: Node) -> Node | None:
        """The list of `[...].join(...)`; None for any other expression."""
        function = node.child_by_field_name("function") if node.type == "call_expression" else None
        if function is None or self._text(function.child_by_field_name("property")) != "join":
            return None
        listed = function.child_by_field_name("object")
        return listed if listed is not None and listed.type == "array" else None
