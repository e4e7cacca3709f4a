"""The plan and the analysis of the experiment `shift`."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path

from lab.experiment import NOT_MADE, Analysis, Experiment, Made, Piece
from lab.readings import Readings
from lab.shift.from_readings import PARTS_PART, READING, WHOLE_PART, trainings
from lab.shift.plan import LENGTHS, RUNS, choices_part, names, runs
from lab.shift.tables import (
    checkpoint_table,
    choice_table,
    drawing,
    move_table,
    part_table,
    shuffled,
    temperature_table,
    verdict_table,
)
from lab.shift.verdicts import of_training, sentence, together


def pieces(fast: bool) -> list[Piece]:
    """Of each checkpoint a reading, and the parts of the difference to an earlier one. Then the generated choices."""
    return [piece for run in runs(fast=fast) for piece in _of_run(run)]


def _of_run(run: str) -> list[Piece]:
    found = []
    for before, name in zip([None, *names(run)], names(run), strict=False):
        found.append(Piece(name=name, part=READING, make=partial(_reading, name=name)))
        if before is not None:
            found.append(Piece(name=name, part=PARTS_PART, make=partial(_parts, name=name, before=before)))
    first, last, seed = names(run)[0], names(run)[-1], RUNS.index(run)
    found.append(Piece(name=last, part=WHOLE_PART, make=partial(_parts, name=last, before=first)))
    return found + [
        Piece(name=last, part=choices_part(steps), make=partial(_choices, name=last, steps=steps, seed=seed))
        for steps in LENGTHS
    ]


def _reading(folder: Path, name: str) -> Made:
    from lab.shift.make import make_reading  # it imports torch, which the analysis does not need

    return make_reading(folder, name)


def _parts(folder: Path, name: str, before: str) -> Made:
    from lab.shift.make import make_parts

    return make_parts(folder, name, before)


def _choices(folder: Path, name: str, steps: int, seed: int) -> Made:
    from lab.shift.make_choices import make_choices

    return make_choices(folder, name, steps, seed)


def analyse(readings: Readings, fast: bool) -> Analysis:
    """The verdict by the criteria of docs/lab/shift.md, its controls, and the tables."""
    some = trainings(readings, fast=fast)
    found, control = [of_training(one) for one in some], shuffled(some)
    said = sentence(found, fast=fast)
    blocks = {
        "verdict": f"**{said}**\n\n{verdict_table(found, control)}",
        "checkpoints": checkpoint_table(some),
        "temperatures": temperature_table(some),
        "choices": choice_table(some),
        "parts": part_table(some),
        "moves": move_table(some),
    }
    if fast:
        form = f"**Fast form**: one training. The verdict of the experiment is {NOT_MADE!r} until all three are there."
        blocks = {name: f"{form}\n\n{block}" for name, block in blocks.items()}
    return Analysis(
        blocks=blocks,
        data={
            "form": "fast" if fast else "complete",
            "trainings": [
                asdict(one) | {"verdict": one.verdict, "excess": {f"{t:g}": value for t, value in one.excess.items()}}
                for one in found
            ],
            "together": together(found),
            "shuffled": together(control),
            "verdict_of_the_experiment": NOT_MADE if fast else together(found),
            "sentence": said,
        },
        picture=drawing(some),
    )


EXPERIMENT = Experiment(
    question="Does the entropy of hard tokens move from ln 4 to ln 3 as a model matures?",
    pieces=pieces,
    analyse=analyse,
)
