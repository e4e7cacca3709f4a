"""The plan and the analysis of the experiment `tax`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from lab.experiment import NOT_MADE, Analysis, Experiment, Made, Piece
from lab.readings import Readings
from lab.tax.after_the_fact import after_the_fact
from lab.tax.compared import compare
from lab.tax.from_readings import study_of
from lab.tax.plan import (
    BEFORE,
    CROSS_ENTROPY,
    DATA,
    control_part,
    form,
    part,
)
from lab.tax.tables import data_of, losses_table, model_table, outcome_table, scatter, sentence, tax_table

PICTURE = "![HE-SNR and calibrated HE-SNR against pass@8](tax.svg)"


def pieces(fast: bool) -> list[Piece]:
    """The start, then seed by seed each loss with each learning rate, and the controls."""
    losses, rates, seeds, temperatures = form(fast=fast)
    found = [Piece(name=BEFORE, part="before", make=_make_before)]
    for seed in seeds:
        found += [
            Piece(name=loss, part=part(rate, seed), make=partial(_make_tuned, loss=loss, rate=rate, seed=seed))
            for loss in losses
            for rate in rates
        ]
        found += [
            Piece(
                name=CROSS_ENTROPY,
                part=control_part(temperature, seed),
                make=partial(_make_control, temperature=temperature, seed=seed),
            )
            for temperature in temperatures
        ]
    return found


def _make_before(folder: Path) -> Made:
    from lab.tax.make import make_before  # it imports torch, which the analysis does not need

    return make_before(folder)


def _make_tuned(folder: Path, loss: str, rate: float, seed: int) -> Made:
    from lab.tax.make import make_tuned

    return make_tuned(folder, loss, rate, seed)


def _make_control(folder: Path, temperature: float, seed: int) -> Made:
    from lab.tax.make import make_control

    return make_control(folder, temperature, seed)


def analyse(readings: Readings, fast: bool) -> Analysis:
    """All tables, and the verdict."""
    study = study_of(readings, fast=fast)
    found = compare(study)
    blocks = {
        "verdict": sentence(found),
        "since-start": tax_table(found.since_start, "best of each loss, minus the start"),
        "more": tax_table(found.more, "learning rate 4e-3, minus 2e-3"),
        "controls": tax_table(found.controls, "cross entropy at T, minus the same at T = 1"),
        "against-cross-entropy": losses_table(found.against_cross_entropy),
        "after": after_the_fact(study),
        "outcomes": outcome_table(study),
        **{f"models-{data}": model_table(study, data) for data in DATA},
        "picture": PICTURE,
    }
    return Analysis(
        blocks={name: f"{_form(fast)}\n\n{block}" for name, block in blocks.items()},
        data={
            "form": "fast" if fast else "complete",
            "verdict_of_the_experiment": NOT_MADE if fast else found.claim,
            "in_words": sentence(found),
            **data_of(study, found),
        },
        picture=scatter(study),
    )


def _form(fast: bool) -> str:
    """What is written over every block, so that no verdict of the fast form is taken for one of the experiment."""
    losses, rates, seeds, _ = form(fast=fast)
    if not fast:
        return f"Complete form: {len(losses)} losses, {len(rates)} learning rates, {len(seeds)} seeds."
    return (
        f"**Fast form**: {len(losses)} losses, {len(rates)} learning rate, {len(seeds)} seed. Its intervals are not "
        f"over seeds, and its verdicts are not those of the experiment. These are {NOT_MADE!r} until all readings are "
        "there."
    )


EXPERIMENT = Experiment(
    question="Is a fall of HE-SNR after fine-tuning a tax, and which losses keep decisions?",
    pieces=pieces,
    analyse=analyse,
)
