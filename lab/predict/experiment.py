"""The plan and the analysis of the experiment `predict`."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path

from lab.experiment import NOT_MADE, Analysis, Experiment, Made, Piece
from lab.families.plan import DATA, FLOOR, LOST, LOST_BUT_READ, MAIN_DATA, PLANNED, checkpoints, seeds
from lab.predict.after_the_fact import after_the_fact
from lab.predict.from_readings import floor_of, study_of
from lab.predict.layout import COUNTS, MAIN_COUNT
from lab.predict.tables import (
    checkpoint_table,
    correlation_of,
    correlation_tables,
    robustness_table,
    scatter,
    verdict_table,
)
from lab.predict.verdicts import together, verdicts
from lab.readings import Readings
from lm_eval_hesnr.results.correlate.data import correlation_data

FORMS = {True: "fast", False: "all comparable checkpoints"}


def pieces(fast: bool) -> list[Piece]:
    """For each checkpoint, the readings before fine-tuning, then one outcome per seed. The floor is last.

    All pieces of a checkpoint follow each other, so that its weights are needed only for a while.
    """
    names = [one.name for one in checkpoints(fast=fast)]
    of_checkpoints = [piece for name in names for piece in (*_readings(name), *_outcomes(name, fast))]
    return [*of_checkpoints, *_outcomes(FLOOR, fast)]


def _readings(name: str) -> list[Piece]:
    return [
        Piece(name=name, part=f"reading/{data}", make=partial(_make_reading, name=name, data=data)) for data in DATA
    ]


def _outcomes(name: str, fast: bool) -> list[Piece]:
    return [
        Piece(name=name, part=f"outcome/{seed}", make=partial(_make_outcome, name=name, seed=seed))
        for seed in seeds(fast=fast)
    ]


def _make_reading(folder: Path, name: str, data: str) -> Made:
    from lab.predict.make import make_reading  # it imports torch, which the analysis does not need

    return make_reading(folder, name, data)


def _make_outcome(folder: Path, name: str, seed: int) -> Made:
    from lab.predict.make import make_outcome

    return make_outcome(folder, name, seed)


def analyse(readings: Readings, fast: bool) -> Analysis:
    """The preregistered analysis, and what it is checked with. Each block says which form it is.

    The block `fast` is always about the fast form, whose verdicts are preregistered.
    """
    study = study_of(readings, fast=fast)
    fast_study = study if fast else study_of(readings, fast=True)
    found, correlation = verdicts(study), correlation_of(study)
    others = {f"measures over {data}": study_of(readings, fast=fast, data=data) for data in DATA if data != MAIN_DATA}
    others |= {count: study_of(readings, fast=fast, count=count) for count in COUNTS if count != MAIN_COUNT}
    if not fast and all(readings.about(one.name) for one in LOST_BUT_READ):
        more = f"with {len(LOST_BUT_READ)} checkpoints of `{LOST}`"
        others[more] = study_of(readings, others=LOST_BUT_READ)
    blocks = {
        "verdicts": verdict_table(found),
        "checkpoints": checkpoint_table(correlation, floor_of(readings, fast=fast)),
        "correlations": correlation_tables(correlation),
        "robustness": robustness_table({"nothing": study, **others}),
        "after": after_the_fact(study, lambda family: study_of(readings, fast=fast, without=(family,))),
    }
    labelled = {name: f"{form_in_words(fast)}\n\n{block}" for name, block in blocks.items()}
    return Analysis(
        blocks={"fast": f"{form_in_words(True)}\n\n{verdict_table(verdicts(fast_study))}", **labelled},
        data={
            "form": FORMS[fast],
            "verdicts": [asdict(one) for one in found],
            "together": together(found),
            "verdict_of_the_experiment": NOT_MADE,
            "correlation": correlation_data(correlation),
        },
        picture=scatter(study),
    )


def form_in_words(fast: bool) -> str:
    """What is written over every block, so that no verdict of the fast form is taken for one of the experiment."""
    counts = f"{len(checkpoints(fast=fast))} checkpoints, {len(seeds(fast=fast))} seeds"
    form = "Fast form" if fast else "After the fact"
    return f"**{form}**: {counts}. The verdict of the {PLANNED} checkpoints of the complete form is {NOT_MADE!r}."


EXPERIMENT = Experiment(
    question="Does HE-SNR before fine-tuning predict solved tasks after it?",
    pieces=pieces,
    analyse=analyse,
)
