"""What labelling one action may cost. Costs are counted in work, never in seconds: labels are the same on any machine.

Trajectories may be hostile, and parsers are C code that trusts its input. A text beyond a limit is not parsed, and its
comments stay code. No text of the tested real files comes near a limit. `benchmarks/parsers.py` measures the costs.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Budget:
    """What is left for one action. Each text that is parsed takes its share."""

    parses: int = 2_000
    bytes: int = 1_000_000
    """Bytes given to parsers."""
    steps: int = 4_000
    """Calls of the progress callbacks of tree-sitter. A parser makes one for every 100 operations."""
    reads: int = 60_000
    """Calls of the read callbacks. Each returns at most `parsing.CHUNK` bytes, so they measure how much is scanned."""
    joins: int = 900
    """Work at the end of a parse. There the parser copies every path through its stack: the square of the memory that
    the parse still uses at that time, in thousands of blocks."""
    n_unparsed: int = 0
    """Number of texts that were not parsed, or not completely, because a limit was reached."""

    def start(self, n_bytes: int) -> bool:
        """Take the share of one parse. Whether something is left for it."""
        self.parses -= 1
        self.bytes -= n_bytes
        return min(self.parses, self.bytes, self.steps, self.reads, self.joins) >= 0
