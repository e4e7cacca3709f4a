"""The pieces of work of the experiment: a fine-tuned model with what it solves, and what it says about trajectories."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from transformers import AutoTokenizer, LlamaForCausalLM, PreTrainedTokenizerBase

from assets_src.tiny_swe_lm.train import has_bf16
from lab.before_after import Decided, read_decided, write_decided
from lab.experiment import Made
from lab.families.about import about
from lab.families.train import checkpoint
from lab.grader import Pool
from lab.micro_swe import Task
from lab.provenance import digest_of_weights
from lab.scoring import rounded
from lab.tax.models import kl_to_start, set_temperature
from lab.tax.objectives import CONSTANTS, objective
from lab.tax.plan import (
    BEFORE,
    CONTROL_RATE,
    CROSS_ENTROPY,
    FIRST_SEED,
    IN_STYLE,
    LEVEL,
    OUT_OF_STYLE,
    SAMPLES,
    START,
    STEPS,
    TASKS,
)
from lab.tax.read import reading_of, scored
from lab.tax.trajectories import trajectories
from lab.tax.wrong_action import with_wrong
from lab.tuning.attempts import TEMPERATURE, solved
from lab.tuning.fine_tune import Settings, fine_tune
from lab.tuning.tasks import Tasks, tasks_of
from lm_eval_hesnr.scoring.token_scores import TokenScores


class Bench(NamedTuple):
    """What all pieces need."""

    out: Path
    """The folder of the laboratory's work."""
    folder: Path
    """The checkpoint before fine-tuning."""
    start: LlamaForCausalLM
    tokenizer: PreTrainedTokenizerBase
    tasks: Tasks

    @property
    def held_out(self) -> Sequence[Task]:
        """The tasks that every model tries."""
        return self.tasks.held_out[:TASKS]

    def about(self, loss: str) -> Mapping[str, Any]:
        """What a file of readings is about."""
        constants = CONSTANTS.get(loss, {})
        return {**about(self.folder, START), "loss": loss, "constants": dict(constants)}


def _bench(folder: Path) -> Bench:
    torch.set_num_threads(1)
    out = folder.parents[1]
    model = checkpoint(out / "families", START)
    start = LlamaForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
    return Bench(out, model, start, AutoTokenizer.from_pretrained(model), tasks_of(out / "tasks", LEVEL))


def make_before(folder: Path) -> Made:
    """What the checkpoint says and solves before fine-tuning.

    Args:
        folder: of the piece of work, two levels below the folder of the laboratory's work.
    """
    bench = _bench(folder)
    return Made(bench.about(BEFORE), {"settings": _settings(None), **_value(bench, bench.start, FIRST_SEED)})


def make_tuned(folder: Path, loss: str, rate: float, seed: int) -> Made:
    """The same after fine-tuning with a loss. `folder` as in `make_before`."""
    bench = _bench(folder)
    tuned = _tuned(bench, loss, rate, seed)
    if (loss, rate) == (CROSS_ENTROPY, CONTROL_RATE):
        keep(tuned.model, _kept(bench, tuned.settings, seed))
    value = {"settings": tuned.settings, "last_loss": tuned.last_loss, **_value(bench, tuned.model, FIRST_SEED + seed)}
    return Made(bench.about(loss), value)


def make_control(folder: Path, temperature: float, seed: int) -> Made:
    """The same after fine-tuning with cross entropy, with all logits divided by the temperature."""
    bench = _bench(folder)
    settings = _settings(_tuning(CONTROL_RATE, seed))
    kept = _kept(bench, settings, seed)
    if kept.exists():
        model = LlamaForCausalLM.from_pretrained(kept, dtype=torch.float32).eval()
    else:
        model = _tuned(bench, CROSS_ENTROPY, CONTROL_RATE, seed).model
        keep(model, kept)
    set_temperature(model, temperature)
    return Made(bench.about(CROSS_ENTROPY), {"settings": settings, **_value(bench, model, FIRST_SEED + seed)})


class Tuned(NamedTuple):
    """A model after fine-tuning."""

    settings: dict[str, Any]
    model: LlamaForCausalLM
    last_loss: float | None
    """Mean of the last 20 steps, of the loss that was trained."""


def _tuned(bench: Bench, loss: str, rate: float, seed: int) -> Tuned:
    model = LlamaForCausalLM.from_pretrained(bench.folder, dtype=torch.float32)
    settings, examples = _tuning(rate, seed), with_wrong(bench.tokenizer, bench.tasks.examples)
    losses = fine_tune(model, examples, settings, objective(loss, bench.start))
    return Tuned(_settings(settings), model, rounded(float(np.mean(losses[-20:]))))


def _tuning(rate: float, seed: int) -> Settings:
    return Settings(seed=FIRST_SEED + seed, steps=STEPS, lr=rate)


def _kept(bench: Bench, settings: Mapping[str, Any], seed: int) -> Path:
    """Where the model that the controls change is kept, so that it is trained once."""
    of_all = [settings, seed, digest_of_weights(bench.folder), bench.tasks.sha256()]
    return bench.out / "tax" / f"control-{hashlib.sha256(json.dumps(of_all).encode()).hexdigest()[:12]}"


def keep(model: LlamaForCausalLM, folder: Path) -> None:
    """Write the weights in float32. A process that is killed leaves no half of a folder."""
    partial = folder.with_name(f"{folder.name}.{os.getpid()}.tmp")
    model.save_pretrained(partial)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def _settings(settings: Settings | None) -> dict[str, Any]:
    """Of fine-tuning, without the seed, and of what follows."""
    of_tuning = {name: value for name, value in asdict(settings).items() if name != "seed"} if settings else {}
    return {
        **of_tuning, "level": LEVEL, "first_seed": FIRST_SEED, "temperature": TEMPERATURE, "bfloat16": has_bf16("cpu"),
    }  # fmt: skip


def _value(bench: Bench, model: LlamaForCausalLM, seed: int) -> dict[str, Any]:
    """What the model solves, and its readings."""
    held_out = bench.held_out
    with Pool(1) as pool:
        greedy = solved(model, bench.tokenizer, held_out, pool, samples=0, seed=seed)
        sampled = solved(model, bench.tokenizer, held_out, pool, samples=SAMPLES, seed=seed)
    return {
        "tasks_sha256": bench.tasks.sha256(),
        "greedy": "".join(map(str, greedy)),
        "sampled": "".join(map(str, sampled)),
        **{data: _reading(bench, model, data) for data in (IN_STYLE, OUT_OF_STYLE)},
    }


def _reading(bench: Bench, model: LlamaForCausalLM, data: str) -> dict[str, Any]:
    path = trajectories(bench.out, data, bench.tasks.held_out)
    with tempfile.TemporaryDirectory(prefix="hesnr-lab-") as folder:
        model.save_pretrained(folder)
        bench.tokenizer.save_pretrained(folder)
        scores = scored(Path(folder), path)
    before = _before(bench, path, scores if model is bench.start else None)
    return {**reading_of(scores, before), "kl": rounded(kl_to_start(bench.start, model, scores))}


def _before(bench: Bench, path: Path, scores: Sequence[TokenScores] | None) -> list[Decided]:
    """What the checkpoint before fine-tuning says about trajectories. It reads them once, and the result is kept.

    Args:
        bench: with the checkpoint.
        path: of the trajectories.
        scores: those of the checkpoint, if they are there.
    """
    kept = bench.out / "tax" / f"before-{path.name}-{digest_of_weights(bench.folder)[:12]}.npz"
    if not kept.exists():
        write_decided(kept, [Decided.of(one) for one in scores or scored(bench.folder, path)])
    return read_decided(kept)
