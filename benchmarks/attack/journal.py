"""The results of a campaign: one JSON line per attack, written as soon as it ends, and the table made from them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

HELD, FAULT, SKIPPED = "held", "fault", "skipped"


@dataclass(frozen=True, slots=True)
class Row:
    """The result of one attack."""

    name: str
    kind: str
    verdict: str
    seconds: float
    megabytes: float
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    size: str = "full"
    """`small` or `full`: a small form does not count as the full one."""


def read_rows(path: Path, size: str) -> dict[str, Row]:
    """The last row of each attack of this size, by name. A line that was cut by a kill is left out."""
    rows: dict[str, Row] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            row = Row(**json.loads(line))
        except (ValueError, TypeError):
            continue
        if row.size == size:
            rows[row.name] = row
    return rows


def add_row(path: Path, row: Row) -> None:
    """Append the row. A line that a kill left incomplete is ended first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    is_cut = path.exists() and path.read_bytes()[-1:] not in (b"", b"\n")
    with path.open("a", encoding="utf-8") as file:
        file.write("\n" * is_cut + json.dumps(asdict(row)) + "\n")


def as_markdown(rows: Iterable[Row]) -> str:
    """The table: attack, kind, verdict, seconds, memory, and what was found."""
    rows = list(rows)
    lines = ["| attack | kind | verdict | seconds | MB | found |", "|---|---|---|---:|---:|---|"]
    for row in rows:
        found = "; ".join(row.faults[:2] or row.notes[:2]) + (" ..." if len(row.faults) > 2 else "")
        shown = found.replace("|", "\\|").replace("\n", " ")
        verdict = row.verdict if row.verdict != FAULT else f"**{FAULT}**"
        lines.append(f"| {row.name} | {row.kind} | {verdict} | {row.seconds:.1f} | {row.megabytes:.0f} | {shown} |")
    counts = {verdict: sum(row.verdict == verdict for row in rows) for verdict in (HELD, FAULT, SKIPPED)}
    lines += ["", f"{len(rows)} attacks: " + ", ".join(f"{n} {verdict}" for verdict, n in counts.items())]
    return "\n".join(lines)


def by_kind(rows: Iterable[Row]) -> str:
    """The short table: one row per kind, with the longest time and the largest memory of its attacks."""
    lines = [
        "| kind | attacks | held | faults | skipped | longest, s | largest, MB |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    kinds: dict[str, list[Row]] = {}
    for row in rows:
        kinds.setdefault(row.kind, []).append(row)
    every = [one for found in kinds.values() for one in found]
    for kind, found in [*kinds.items(), *([("all", every)] if every else [])]:
        counts = [sum(row.verdict == verdict for row in found) for verdict in (HELD, FAULT, SKIPPED)]
        longest, largest = max(row.seconds for row in found), max(row.megabytes for row in found)
        cells = [kind, len(found), *counts, f"{longest:.0f}", f"{largest:.0f}"]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)
