"""What labelling one action may cost. Costs are counted in work, never in seconds: labels are the same on any machine.

Trajectories may be hostile, and parsers are C code that trusts its input. A text beyond a limit is not parsed, and its
comments stay code. No text of the tested real files comes near a limit. `benchmarks/parsers.py` measures the costs.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


def unparsed_line(n_actions: int) -> str:
    """A message about the actions whose budget was too little."""
    actions, them = ("1 action is", "it") if n_actions == 1 else (f"{n_actions:,} actions are", "them")
    return f"{actions} too costly to parse completely: comments in {them} may be labelled as code"


@dataclass(slots=True)
class Budget:
    """What is left for one action. Each text that is parsed takes its share."""

    parses: int = 2_000
    bytes: int = 1_000_000
    """Bytes given to parsers."""
    steps: int = 1_200
    """Calls of the parsers' progress callbacks, one for every 100 operations. In the worst texts a step takes 1 ms."""
    reads: int = 60_000
    """Calls of the read callbacks. Each returns at most `parsing.CHUNK` bytes, so they measure how much is scanned."""
    messages: int = 1_000_000
    """Messages in the log of the parsers. Only long or ambiguous texts are parsed with a log: see `parsing`."""
    joins: int = 1_200
    """Work at the end of a parse. There the parser copies every path through its stack: the square of the number of
    branched operations, in units of 100 000."""
    siblings: int = 6_000
    """Work of a query: the square of the number of children of each node, in units of 100 000. Counted after a parse of
    more than 70 steps: a shorter one has few children."""
    names: int = 300_000
    """Names of arguments that are compared, to find the language of each value."""
    comparisons: int = 500_000_000
    """Characters that are compared, to find the values of the calls in the text."""
    n_unparsed: int = 0
    """Number of values that were not labelled completely, because a limit was reached."""

    def start(self, n_bytes: int) -> bool:
        """Take the share of one parse. Whether something is left for it."""
        self.parses -= 1
        self.bytes -= n_bytes
        return min(self.parses, self.bytes, self.steps, self.reads, self.messages, self.joins, self.siblings) >= 0

    def look_up(self, arguments: Mapping[str, Any]) -> bool:
        """Take the share of one search in the names of arguments. Whether something was left for it."""
        maps = arguments.maps if isinstance(arguments, ChainMap) else [arguments]
        self.names -= sum(len(one) for one in maps)
        self.n_unparsed += self.names < 0
        return self.names >= 0

    def search(self, n_characters: int, text: str) -> bool:
        """Take the share of one search of a text in so many characters. Whether something is left."""
        self.comparisons -= n_characters * min(len(text), 100) + 10 * len(text)
        return self.comparisons >= 0
