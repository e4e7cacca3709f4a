"""The plan and the analysis of the experiment `context`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from lab.context.after_the_fact import agreement_table, decision_table, loss_tables
from lab.context.plan import LONG, SHORT, names
from lab.context.study import OUTCOME, READING, Point, floor_of, points, spikes
from lab.context.tables import (
    candidate_table,
    key_table,
    parts_table,
    point_table,
    position_table,
    scatter,
    sentence,
    verdict_table,
)
from lab.context.verdicts import together
from lab.experiment import NOT_MADE, Analysis, Experiment, Made, Piece
from lab.families.plan import FLOOR
from lab.readings import Readings

_PICTURE = "![Changes of HE-SNR and of solved tasks, against that of perplexity](context.svg)"
"""In a block, because the page has no picture before the readings are made."""


def pieces(fast: bool) -> list[Piece]:
    """For each checkpoint its reading and its outcome, in the order of training; last, the outcome of the floor."""
    of_checkpoints = [(name, part) for name in names(fast=fast) for part in (READING, OUTCOME)]
    return [
        Piece(name=name, part=part, make=partial(_make, name=name, part=part))
        for name, part in [*of_checkpoints, (FLOOR, OUTCOME)]
    ]


def _make(folder: Path, name: str, part: str) -> Made:
    from lab.context.make import make_outcome, make_reading  # they import torch, which the analysis does not need

    return make_reading(folder, name) if part == READING else make_outcome(folder, name)


def analyse(readings: Readings, fast: bool) -> Analysis:
    """The verdicts at the spikes of perplexity, and tables of all checkpoints. Each block says which form it is."""
    found = points(readings, fast=fast)
    at_spikes = spikes(found)
    answer = NOT_MADE if fast else together([one.verdict() for one in at_spikes.values()], found[0].evidence())
    blocks = {
        "verdicts": f"{sentence(at_spikes, answer)}\n\n{verdict_table(at_spikes)}\n\n{_PICTURE}",
        "checkpoints": point_table(found, LONG),
        "short": point_table(found, SHORT),
        "agreement": agreement_table(found),
        "losses": loss_tables(found, floor_of(readings)),
        "decisions": decision_table(found),
        "parts": parts_table(found),
        "candidates": candidate_table(found),
        "positions": position_table(found),
        "keys": key_table(found),
    }
    form = f"{'**Fast form**' if fast else 'Complete form'}: {len(found)} checkpoints."
    return Analysis(
        blocks={name: f"{form}\n\n{block}" for name, block in blocks.items()},
        data={
            "form": "fast" if fast else "complete",
            "verdict_of_the_experiment": answer,
            "sentence": sentence(at_spikes, answer),
            "spikes": {scaling: point.name for scaling, point in at_spikes.items()},
            "checkpoints": {point.name: _numbers(point) for point in found},
        },
        picture=scatter(found),
    )


def _numbers(point: Point) -> dict[str, Any]:
    return {
        "verdict": point.verdict()._asdict(),
        "with the short window": point.verdict(SHORT)._asdict(),
        "values": {
            str(window): {name: point.value(name, window) for name in ("ppl", "he_snr", "topk_acc", "mean_top_mass")}
            | {"calibrated_he_snr": point.windows[window].calibrated}
            for window in (SHORT, LONG)
        },
        "changes": {
            str(window): {name: one and one._asdict() for name, one in some.items()}
            for window, some in point.changes.items()
        },
        "passed": {
            kind: {**one._asdict(), "change": one.change._asdict()} for kind, one in point.solved.passed.items()
        },
    }


EXPERIMENT = Experiment(
    question="Does perplexity spike while HE-SNR holds and the task is solved as before?",
    pieces=pieces,
    analyse=analyse,
)
