"""The rows of the tables in benchmarks/README.md."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

README = Path(__file__).parent / "README.md"
TABLE = "<!-- rows of scoring.py -->"


class Row(NamedTuple):
    """One line of a table."""

    what: str
    """The name of the row. A later row with the same name replaces it."""
    size: str
    figure: str
    target: str
    baseline: str


def write(row: Row) -> None:
    """Replace the row with the same name in the README, or add the row after the last one of `scoring.py`."""
    lines = README.read_text().splitlines()
    same = [i for i, line in enumerate(lines) if line.startswith(f"| {row.what} |")]
    last = lines.index(TABLE) + 1
    while lines[last + 1].startswith("|"):
        last += 1
    lines[same[0] if same else last + 1 : same[0] + 1 if same else last + 1] = [f"| {' | '.join(row)} |"]
    README.write_text("\n".join(lines) + "\n")
