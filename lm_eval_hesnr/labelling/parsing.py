"""Parses a text with tree-sitter, within a budget."""

from __future__ import annotations

from threading import Lock
from typing import NamedTuple

from tree_sitter import LogType, Node, Point, QueryCursor

from lm_eval_hesnr.labelling.budget import Budget
from lm_eval_hesnr.labelling.languages import parser, query

CHUNK = 128
"""Bytes that the parser gets at once."""
_MAX_UNOBSERVED = 70
"""Steps of a parse that is not observed. Observing costs time, and no tested real text needs so many steps."""
_BRANCHED_PER_STEP = 58
"""Branched operations that the worst known texts use for each step. Assumed for a parse that is not observed."""
_MAX_BRANCHED = 10_600
"""Branched operations of one parse, less the operations in one branch. The worst known texts then take about 300 MB."""
_MAX_UNFINISHED = 256
"""Unfinished matches of a query at one time. (In tree-sitter 0.26, a query with a progress callback crashes.)"""
_BUFFERS = [bytearray(n) for n in range(CHUNK + 1)]
"""What a read returns, by length. The buffers are used again, because tree-sitter 0.26 never frees them."""
_LOCK = Lock()
"""The buffers and the parsers are shared, and callbacks let other threads run."""


class Tree(NamedTuple):
    """A syntax tree with its source."""

    root: Node
    source: bytes

    def text(self, node: Node | None) -> str:
        """The text of a node; empty if there is no node. `Node.text` is not used: it would read the source again."""
        return self.source[node.start_byte : node.end_byte].decode("utf-8", "replace") if node is not None else ""


def parse(source: bytes, language: str, budget: Budget) -> Tree | None:
    """Parse a text and take the cost from the budget. None if the budget is used up before the end of the text."""
    if budget.start(len(source)):
        with _LOCK:
            tree = _parse(source, language, budget)
        if tree is not None:
            return tree
    budget.n_unparsed += 1
    return None


class _Branches:
    """Estimates the memory of a parse from the parser's log. An ambiguous text is parsed in several branches at once.

    Their paths through the stack are copied when they end. The log depends only on the text and the grammar, but the
    memory of the process depends on other threads and on Python's allocator.
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._open = 0
        self.most = 0
        """Largest number of branched operations that no operation in a single branch has offset."""

    def __call__(self, _kind: LogType, message: str) -> None:
        self._budget.messages -= 1
        if message.startswith("process version:"):
            if "version_count:1," in message:
                self._open = max(self._open - 1, 0)
            else:
                self._open += 1
                self.most = max(self.most, self._open)


def _parse(source: bytes, language: str, budget: Budget, *, observed: bool = False) -> Tree | None:
    steps, branches = 0, _Branches(budget) if observed else None

    def read(offset: int, _point: Point) -> bytearray:
        budget.reads -= 1
        chunk = source[offset : offset + CHUNK] if min(budget.reads, budget.messages) >= 0 else b""
        buffer = _BUFFERS[len(chunk)]
        buffer[:] = chunk
        return buffer

    def is_over(_offset: int, _has_error: bool) -> bool:
        nonlocal steps
        steps += 1
        budget.steps -= 1
        too_much = branches.most > _MAX_BRANCHED if branches else steps > _MAX_UNOBSERVED
        return too_much or min(budget.steps, budget.reads, budget.messages) < 0

    if branches:
        parser(language).logger = branches
    try:
        tree = parser(language).parse(read, encoding="utf8", progress_callback=is_over)
    except ValueError:  # stopped by `is_over`
        parser(language).reset()
        return None if observed or steps <= _MAX_UNOBSERVED else _parse(source, language, budget, observed=True)
    finally:
        del parser(language).logger
    budget.joins -= (branches.most if branches else _BRANCHED_PER_STEP * steps) ** 2 // 10**5
    if observed:
        budget.siblings -= _pairs_of_siblings(tree.root_node) // 10**5
    return Tree(tree.root_node, source) if min(budget.reads, budget.messages, budget.siblings) >= 0 else None


def _pairs_of_siblings(root: Node) -> int:
    """The sum of the squares of the number of children of each node."""
    cursor = root.walk()
    found, n_children = 0, [1]  # of the nodes above the current one
    while True:
        if cursor.goto_first_child():
            n_children.append(1)
            continue
        while not cursor.goto_next_sibling():
            found += n_children.pop() ** 2
            if not cursor.goto_parent():
                return found
        n_children[-1] += 1


def captures(tree: Tree, language: str, text: str, budget: Budget) -> dict[str, list[Node]] | None:
    """The nodes that a query captures, by the name of the capture. None if the query is too costly."""
    cursor = QueryCursor(query(language, text), match_limit=_MAX_UNFINISHED)
    found = cursor.captures(tree.root)
    return found if _is_complete(cursor, budget) else None


def matches(tree: Tree, language: str, text: str, budget: Budget) -> list[dict[str, list[Node]]] | None:
    """The captured nodes of each match of a query. None if the query is too costly."""
    cursor = QueryCursor(query(language, text), match_limit=_MAX_UNFINISHED)
    found = cursor.matches(tree.root)
    return [captured for _, captured in found] if _is_complete(cursor, budget) else None


def _is_complete(cursor: QueryCursor, budget: Budget) -> bool:
    budget.n_unparsed += cursor.did_exceed_match_limit
    return not cursor.did_exceed_match_limit
