"""The plan and the analysis of the experiment `theory`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.repository import ROOT
from lab.experiment import Analysis, Experiment, Piece
from lab.readings import Readings
from lab.theory.differences import rows_of_measures
from lab.theory.reading import make
from lab.theory.tables import carrier_table, change_table, scatter, sign_table, temperature_table, theorem_table

DATA: Mapping[str, Path | None] = {"embedded": None, "micro_swe": ROOT / "lab" / "data" / "micro_swe_gold.jsonl.gz"}
"""Name to trajectories; None for the resolved runs of the embedded sample set."""
FAST = ("micro_swe",)
PART = "changes"
_NOT_MADE = "The fast form does not make these readings."


def pieces(fast: bool) -> list[Piece]:
    """One for each set of trajectories."""
    return [
        Piece(name=name, part=PART, make=partial(make, trajectories=path))
        for name, path in DATA.items()
        if not fast or name in FAST
    ]


def analyse(readings: Readings, fast: bool) -> Analysis:
    """Paired differences of every measure, and the theorems. The fast form also uses other readings that are there."""
    found = {name: reading for name in DATA if (reading := _reading(readings, name, fast)) is not None}
    rows = {name: rows_of_measures(reading) for name, reading in found.items()}
    tables = {name: change_table(reading, rows[name]) for name, reading in found.items()}
    signs = {f"{name}-signs": sign_table(some) for name, some in rows.items()}
    every = dict.fromkeys([*DATA, *(f"{name}-signs" for name in DATA)], _NOT_MADE) | tables | signs
    return Analysis(
        blocks={"theorems": theorem_table()}
        | every
        | {"temperatures": temperature_table(found), "carriers": carrier_table(found)},
        data={
            name: {
                row.name: {
                    "unchanged": row.value,
                    "differences": {change: one and one._asdict() for change, one in row.differences.items()},
                }
                for row in some
            }
            for name, some in rows.items()
        },
        picture=scatter(rows),
    )


def _reading(readings: Readings, name: str, fast: bool) -> Mapping[str, Any] | None:
    is_optional = fast and name not in FAST
    found: Mapping[str, Any] | None = readings.part(name, PART) if is_optional else readings.needed(name, PART)
    return found


EXPERIMENT = Experiment(question="What can HE-SNR see, and what not?", pieces=pieces, analyse=analyse)
