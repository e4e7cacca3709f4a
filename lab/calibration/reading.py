"""One reading of the calibration: what a model solves after fine-tuning with one setting and one seed."""

from __future__ import annotations

from pathlib import Path

from lab.calibration.settings import Setting
from lab.experiment import Made
from lab.families.about import about
from lab.families.train import checkpoint
from lab.predict.layout import digest
from lab.tuning.fine_tune import Settings
from lab.tuning.outcome import outcome
from lab.tuning.tasks import tasks_of


def make(out: Path, name: str, setting: Setting, seed: int) -> Made:
    """Train the model if it is not there, fine-tune it, and let it try all held-out tasks.

    Args:
        out: the folder of the laboratory's work: families and tasks are kept in it.
        name: of the checkpoint.
        setting: of fine-tuning.
        seed: of fine-tuning.
    """
    folder = checkpoint(out / "families", name)
    tasks = tasks_of(out / "tasks", setting.level)
    found = outcome(folder, tasks, Settings(seed=seed, steps=setting.steps, lr=setting.lr), samples=0)
    value = {
        "settings": found.settings,
        "tasks_sha256": digest([task.id for task in tasks.held_out]),
        "greedy": "".join(map(str, found.greedy)),
        "held_out_loss": found.held_out_loss,
    }
    return Made(about(folder, name), value)
