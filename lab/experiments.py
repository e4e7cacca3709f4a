"""The list of experiments."""

from __future__ import annotations

from importlib import import_module

from lab.experiment import Experiment
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.messages.near import did_you_mean

EXPERIMENTS = {
    "calibration": "lab.calibration.experiment",
    "context": "lab.context.experiment",
    "predict": "lab.predict.experiment",
    "replication": "lab.replication.experiment",
    "shift": "lab.shift.experiment",
    "tax": "lab.tax.experiment",
    "theory": "lab.theory.experiment",
    "threshold": "lab.threshold.experiment",
}
"""Name to module. A module is imported only if its experiment is asked for."""


def experiment(name: str) -> Experiment:
    """The experiment of this name.

    Raises:
        InputError: there is none.
    """
    if name == "micro_swe":
        raise InputError("micro_swe: is the task of the experiments; see `python -m lab.micro_swe --help`")
    if name not in EXPERIMENTS:
        raise InputError(
            f"{name}: no such experiment; {did_you_mean(name, EXPERIMENTS)}known: {', '.join(EXPERIMENTS)}"
        )
    found: Experiment = import_module(EXPERIMENTS[name]).EXPERIMENT
    return found
