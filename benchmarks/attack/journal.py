"""The results of a campaign: one JSON line per attack, written as soon as it ends, and the table made from them."""

from __future__ import annotations

import hashlib
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
    """The time that passed."""
    megabytes: float
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    size: str = "full"
    """`small` or `full`: a small form does not count as the full one."""
    cpu: float = 0
    """CPU time of the commands that ended by themselves, s."""
    code: str = ""
    """The digest of the package that was attacked."""


def digest_of(*folders: Path) -> str:
    """A digest of the names and bytes of all files in the folders, without compiled ones."""
    found = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                content = hashlib.sha256(path.read_bytes()).hexdigest()
                found.update(f"{path.relative_to(folder)}\0{content}\n".encode())
    return found.hexdigest()[:12]


def read_rows(path: Path, size: str, code: str) -> dict[str, Row]:
    """The last row of each attack of this size on this code, by name. A line that was cut by a kill is left out."""
    rows: dict[str, Row] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            row = Row(**json.loads(line))
        except (ValueError, TypeError):
            continue
        if row.size == size and row.code == code:
            rows[row.name] = row
    return rows


def add_row(path: Path, row: Row) -> None:
    """Append the row. A line that a kill left incomplete is ended first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    is_cut = path.exists() and path.read_bytes()[-1:] not in (b"", b"\n")
    with path.open("a", encoding="utf-8") as file:
        file.write("\n" * is_cut + json.dumps(asdict(row)) + "\n")


def as_markdown(rows: Iterable[Row]) -> str:
    """The table: attack, kind, verdict, time, memory, and what was found."""
    rows = list(rows)
    lines = ["| attack | kind | verdict | seconds | CPU s | MB | found |", "|---|---|---|---:|---:|---:|---|"]
    for row in rows:
        found = "; ".join(row.faults[:2] or row.notes[:2]) + (" ..." if len(row.faults) > 2 else "")
        shown = found.replace("|", "\\|").replace("\n", " ")
        verdict = row.verdict if row.verdict != FAULT else f"**{FAULT}**"
        used = f"{row.seconds:.0f} | {row.cpu:.0f} | {row.megabytes:.0f}"
        lines.append(f"| {row.name} | {row.kind} | {verdict} | {used} | {shown} |")
    counts = {verdict: sum(row.verdict == verdict for row in rows) for verdict in (HELD, FAULT, SKIPPED)}
    lines += ["", f"{len(rows)} attacks: " + ", ".join(f"{n} {verdict}" for verdict, n in counts.items())]
    return "\n".join(lines)


def by_kind(rows: Iterable[Row]) -> str:
    """The short table: one row per kind, with the CPU time of its attacks and the largest memory of one command."""
    lines = [
        "| kind | attacks | held | faults | skipped | CPU time, s | largest, MB |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    kinds: dict[str, list[Row]] = {}
    for row in rows:
        kinds.setdefault(row.kind, []).append(row)
    every = [one for found in kinds.values() for one in found]
    for kind, found in [*kinds.items(), *([("all", every)] if every else [])]:
        counts = [sum(row.verdict == verdict for row in found) for verdict in (HELD, FAULT, SKIPPED)]
        cpu, largest = sum(row.cpu for row in found), max(row.megabytes for row in found)
        cells = [kind, len(found), *counts, f"{cpu:.0f}", f"{largest:.0f}"]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)
