"""The pieces of work of the experiment: readings before fine-tuning, and outcomes after it."""

from __future__ import annotations

from pathlib import Path

from lab.experiment import Made
from lab.families.about import about
from lab.families.plan import GOLD_RUNS
from lab.families.train import checkpoint
from lab.micro_swe import dataset
from lab.micro_swe.__main__ import GOLD_SEED
from lab.micro_swe.gold import write_runs
from lab.predict.layout import SAMPLES, outcome_of
from lab.predict.read import read
from lab.tuning.attempts import TEMPERATURE
from lab.tuning.fine_tune import Settings
from lab.tuning.fixed import FIXED
from lab.tuning.outcome import outcome
from lab.tuning.tasks import tasks_of

DIALECT_LEVEL = 3


def make_reading(folder: Path, name: str, data: str) -> Made:
    """What a checkpoint says before fine-tuning about a set of trajectories.

    Args:
        folder: of the piece of work, two levels below the folder of the laboratory's work.
        name: of the checkpoint.
        data: one of `lab.families.plan.DATA`.
    """
    out = folder.parents[1]
    model = checkpoint(out / "families", name)
    return Made(about(model, name), read(model, _trajectories(out, data)))


def make_outcome(folder: Path, name: str, seed: int) -> Made:
    """What a checkpoint solves after fine-tuning with a seed. `folder` and `name` as in `make_reading`."""
    out = folder.parents[1]
    model = checkpoint(out / "families", name)
    tasks = tasks_of(out / "tasks", FIXED.level)
    found = outcome(model, tasks, Settings(seed=seed, steps=FIXED.steps, lr=FIXED.lr), samples=SAMPLES)
    if found.sampled is None:
        raise AssertionError("samples were asked for")
    settings = {"level": FIXED.level, **found.settings, "temperature": TEMPERATURE}
    names = [task.id for task in tasks.held_out]
    greedy = [bool(one) for one in found.greedy]
    return Made(about(model, name), outcome_of(names, greedy, found.sampled.tolist(), settings, found.held_out_loss))


def _trajectories(out: Path, data: str) -> Path | None:
    """The file of a set of trajectories, which is made if it is missing; None for the embedded runs."""
    if data == "swe_mini":
        return None
    path = out / f"{data}.jsonl.gz"
    if not path.exists():
        write_runs(dataset("test", DIALECT_LEVEL if data == "dialect" else FIXED.level, GOLD_RUNS, GOLD_SEED), path)
    return path
