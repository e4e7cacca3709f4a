"""Parses a text with tree-sitter, within a budget."""

from __future__ import annotations

import sys
from threading import Lock
from typing import NamedTuple

from tree_sitter import Node, Point, QueryCursor

from lm_eval_hesnr.labelling.budget import Budget
from lm_eval_hesnr.labelling.languages import parser, query

CHUNK = 128
"""Bytes that the parser gets at once."""
_BLOCKS_PER_STEP = 142
"""Blocks of memory that the worst known texts use for each step of the parser. Other texts use about 45."""
_MAX_ASSUMED = 10_000
"""Blocks. A parse that may use more, at this rate, is measured: counting the blocks takes longer than a short parse."""
_MAX_BLOCKS = 26_000
"""Blocks that one parse may use before its end. At its end, the worst known texts then take about 300 MB."""
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


def _parse(source: bytes, language: str, budget: Budget, *, measured: bool = False) -> Tree | None:
    blocks, blocks_before = 0, sys.getallocatedblocks() if measured else 0
    limit = _MAX_BLOCKS if measured else _MAX_ASSUMED

    def read(offset: int, _point: Point) -> bytearray:
        budget.reads -= 1
        chunk = source[offset : offset + CHUNK] if budget.reads >= 0 else b""
        buffer = _BUFFERS[len(chunk)]
        buffer[:] = chunk
        return buffer

    def is_over(_offset: int, _has_error: bool) -> bool:
        nonlocal blocks
        budget.steps -= 1
        blocks += _BLOCKS_PER_STEP
        if measured and blocks > limit:
            blocks = sys.getallocatedblocks() - blocks_before or blocks  # 0: Python does not count them
        return blocks > limit or budget.steps < 0 or budget.reads < 0

    try:
        tree = parser(language).parse(read, encoding="utf8", progress_callback=is_over)
    except ValueError:  # stopped by `is_over`
        parser(language).reset()
        return None if measured or blocks <= limit else _parse(source, language, budget, measured=True)
    budget.joins -= blocks**2 // 10**6
    return Tree(tree.root_node, source) if budget.reads >= 0 else None


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
