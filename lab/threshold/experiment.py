"""The plan and the analysis of the experiment `threshold`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from lab.experiment import NOT_MADE, Analysis, Experiment, Made, Piece
from lab.families.plan import PLANNED, checkpoints
from lab.predict.experiment import FORMS
from lab.readings import Readings
from lab.threshold.from_readings import PART, thresholds
from lab.threshold.tables import adaptive_table, all_numbers, drawing, nested_table, static_table, verdict_table
from lab.threshold.verdicts import found_in, sentence


def pieces(fast: bool) -> list[Piece]:
    """One for each checkpoint of `replication`."""
    return [
        Piece(name=one.name, part=PART, make=partial(_make, name=one.name)) for one in checkpoints(fast=fast)
    ]  # fmt: skip


def _make(folder: Path, name: str) -> Made:
    from lab.threshold.make import make_reading  # it imports torch, which the analysis does not need

    return make_reading(folder, name)


def analyse(readings: Readings, fast: bool) -> Analysis:
    """The verdicts by the criteria of docs/lab/threshold.md, and the tables. It needs the outcomes of `replication`."""
    study = thresholds(readings, fast=fast)
    found = found_in(study)
    said = sentence(found, fast=fast)
    blocks = {
        "verdict": f"**{said}**\n\n{verdict_table(found)}",
        "static": static_table(study, found),
        "adaptive": adaptive_table(study, found),
        "nested": nested_table(study, found),
    }
    form = (
        f"**{'Fast form' if fast else 'All that can be compared'}**: {len(checkpoints(fast=fast))} checkpoints. The "
        f"criteria were made for {PLANNED}, so the verdict of the experiment is {NOT_MADE!r}."
    )
    return Analysis(
        blocks={name: f"{form}\n\n{block}" for name, block in blocks.items()},
        data={
            "form": FORMS[fast],
            "verdicts": dict(found.verdicts),
            "verdict_of_the_experiment": NOT_MADE,
            "sentence": said,
            "argmax": found.argmax,
            "argmax_interval": found.argmax_interval._asdict(),
            "plateau": [
                {"epsilon": epsilon, "p_of_end": found.ends.get(epsilon), **(one._asdict() if one else {})}
                for epsilon, one in found.plateau.items()
            ],
            "thresholds": all_numbers(study, found),
        },
        picture=drawing(study, found),
    )


EXPERIMENT = Experiment(
    question="Does it matter where decisions begin, and is an adaptive threshold better?",
    pieces=pieces,
    analyse=analyse,
)
