"""The plan and the analysis of the experiment `replication`: those of `predict`, with other weights."""

from __future__ import annotations

from dataclasses import asdict

from lab.experiment import Analysis, Experiment, Piece
from lab.families.plan import DATA, MAIN_DATA
from lab.page import table
from lab.predict import experiment as first
from lab.predict.after_the_fact import after_the_fact
from lab.predict.from_readings import floor_of, study_of
from lab.predict.tables import (
    QUESTIONS,
    checkpoint_table,
    correlation_of,
    correlation_tables,
    scatter,
    verdict_table,
)
from lab.predict.verdicts import Verdict, together, verdicts
from lab.readings import FOLDER, Readings
from lm_eval_hesnr.results.text_table import interval_cell

FIRST = "predict"
"""The experiment that is repeated. Its readings are in the folder next to ours, or else those that are committed."""


def pieces(fast: bool) -> list[Piece]:
    """Those of `predict` that the preregistered tests use: the other trajectories are not read."""
    others = {f"reading/{data}" for data in DATA if data != MAIN_DATA}
    return [one for one in first.pieces(fast) if one.part not in others]


def analyse(readings: Readings, fast: bool) -> Analysis:
    """The tables of `predict`, and the verdicts of both experiments side by side."""
    study = study_of(readings, fast=fast)
    found, correlation = verdicts(study), correlation_of(study)
    beside = readings.folder.parent / FIRST
    before = verdicts(study_of(Readings(beside if beside.is_dir() else FOLDER / FIRST), fast=fast))
    form = first.form_in_words(fast)
    blocks = {
        "both": _side_by_side(before, found),
        "verdicts": verdict_table(found),
        "checkpoints": checkpoint_table(correlation, floor_of(readings, fast=fast)),
        "correlations": correlation_tables(correlation),
        "after": after_the_fact(study, lambda family: study_of(readings, fast=fast, without=(family,))),
    }
    return Analysis(
        blocks={name: f"{form}\n\n{block}" for name, block in blocks.items()},
        data={
            "form": first.FORMS[fast],
            "verdicts": [asdict(one) for one in found],
            "together": together(found),
            "verdicts_before": [asdict(one) for one in before],
            "together_before": together(before),
        },
        picture=scatter(study),
    )


def _side_by_side(before: list[Verdict], after: list[Verdict]) -> str:
    rows = [
        [one.name, QUESTIONS[one.name], one.verdict, interval_cell(one.interval, "+.3f"),
         again.verdict, interval_cell(again.interval, "+.3f")]
        for one, again in zip(before, after, strict=True)
    ]  # fmt: skip
    heads = ["test", "question", "`predict`", "95 % interval", "again", "95 % interval"]
    return table(heads, [*rows, ["together", "", together(before), "", together(after), ""]], n_left=2)


EXPERIMENT = Experiment(
    question="Does HE-SNR predict solved tasks if the checkpoints are trained again?",
    pieces=pieces,
    analyse=analyse,
)
