"""The plan and the analysis of the experiment `predict`."""

from __future__ import annotations

from dataclasses import asdict

from lab.experiment import Analysis, Experiment, Piece
from lab.predict.families import DATA, FLOOR, MAIN_DATA, checkpoints, seeds
from lab.predict.from_readings import study_of
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


def pieces(fast: bool) -> list[Piece]:
    """For each checkpoint, the readings before fine-tuning, then one outcome per seed. The floor is last.

    All pieces of a checkpoint follow each other, so that its weights are needed only for a while.
    """
    names = [one.name for one in checkpoints(fast=fast)]
    parts = [f"outcome/{seed}" for seed in seeds(fast=fast)]
    of_checkpoints = [(name, part) for name in names for part in (*(f"reading/{data}" for data in DATA), *parts)]
    return [
        Piece(name=name, part=part, make=None) for name, part in (*of_checkpoints, *((FLOOR, part) for part in parts))
    ]


def analyse(readings: Readings, fast: bool) -> Analysis:
    """The preregistered analysis, and what it is checked with."""
    study = study_of(readings, fast=fast)
    found, correlation = verdicts(study), correlation_of(study)
    others = {f"measures over {data}": study_of(readings, fast=fast, data=data) for data in DATA if data != MAIN_DATA}
    others |= {count: study_of(readings, fast=fast, count=count) for count in COUNTS if count != MAIN_COUNT}
    if not fast:
        others["without the larger model"] = study_of(readings, without=("larger",))
    return Analysis(
        blocks={
            "verdicts": verdict_table(found),
            "checkpoints": checkpoint_table(correlation),
            "correlations": correlation_tables(correlation),
            "robustness": robustness_table({"nothing": study, **others}),
        },
        data={
            "verdicts": [asdict(one) for one in found],
            "together": together(found),
            "correlation": correlation_data(correlation),
        },
        picture=scatter(study),
    )


EXPERIMENT = Experiment(
    question="Does HE-SNR before fine-tuning predict solved tasks after it?", pieces=pieces, analyse=analyse
)
