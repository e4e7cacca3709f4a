"""The pieces of work of the experiment: readings before fine-tuning, and outcomes after it."""

from __future__ import annotations

from pathlib import Path

from assets_src.tiny_swe_lm.train import has_bf16
from lab.experiment import Made
from lab.families.about import about_with_training
from lab.families.plan import GOLD_RUNS
from lab.families.train import checkpoint
from lab.micro_swe.__main__ import GOLD_SEED
from lab.micro_swe.gold import gold_tasks, write_runs
from lab.predict.layout import SAMPLES, outcome_of
from lab.predict.read import read
from lab.tuning.attempts import TEMPERATURE
from lab.tuning.fine_tune import Settings
from lab.tuning.fixed import FIXED
from lab.tuning.outcome import outcome
from lab.tuning.tasks import CODE, tasks_of

DIALECT_LEVEL = 3
FIRST_SEED = 100
"""Of fine-tuning. The calibration used 0, 1 and 2, so that none of its outcomes is repeated here."""


def make_reading(folder: Path, name: str, data: str) -> Made:
    """What a checkpoint says before fine-tuning about a set of trajectories.

    Args:
        folder: of the piece of work, two levels below the folder of the laboratory's work.
        name: of the checkpoint.
        data: one of `lab.families.plan.DATA`.
    """
    out = folder.parents[1]
    model = checkpoint(out / "families", name)
    return Made(about_with_training(model, name), read(model, trajectories_of(out, data)))


def make_outcome(folder: Path, name: str, seed: int) -> Made:
    """What a checkpoint solves after fine-tuning. `folder` and `name` as in `make_reading`.

    Fine-tuning and samples have the seed `FIRST_SEED` + `seed`.
    """
    out = folder.parents[1]
    model = checkpoint(out / "families", name)
    tasks = tasks_of(out / "tasks", FIXED.level)
    found = outcome(model, tasks, Settings(seed=FIRST_SEED + seed, steps=FIXED.steps, lr=FIXED.lr), samples=SAMPLES)
    if found.sampled is None:
        raise AssertionError("samples were asked for")
    settings = {
        "level": FIXED.level, **found.settings, "first_seed": FIRST_SEED, "temperature": TEMPERATURE,
        "bfloat16": has_bf16("cpu"),
    }  # fmt: skip
    greedy = [bool(one) for one in found.greedy]
    value = outcome_of(tasks.sha256(), greedy, found.sampled.tolist(), settings, found.held_out_loss)
    return Made(about_with_training(model, name), value)


def trajectories_of(out: Path, data: str) -> Path | None:
    """The file of a set of trajectories, which is made if it is missing; None for the embedded runs."""
    if data == "swe_mini":
        return None
    level = DIALECT_LEVEL if data == "dialect" else FIXED.level
    path = out / f"{data}-{level}-without-{FIXED.level}-{CODE}.jsonl.gz"
    if not path.exists():
        left_out = tasks_of(out / "tasks", FIXED.level).held_out
        write_runs(gold_tasks(level, GOLD_RUNS, GOLD_SEED, left_out), path)
    return path
