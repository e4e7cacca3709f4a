"""Checkpoints with an extended context: RoPE is scaled, and the model is trained on long rows for some steps.

The rows are those of the packaged family's extension (`assets_src.tiny_swe_lm.family`). So are the learning rates,
after a short warm-up, because the optimizer's state of the checkpoint is not used.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaForCausalLM

from assets_src.tiny_swe_lm.family import SHARES_LONG
from assets_src.tiny_swe_lm.train import Run, Schedule, Stage, has_bf16, run_stage, state_path
from lab.context.plan import ADAPTATION_SEED, BASE, FACTOR, LONG, SHORT, STEPS, Extension
from lab.families.recipes import BATCH_TOKENS, RECIPES
from lab.families.train import checkpoint, prepared
from lab.provenance import digest_of_weights
from lm_eval_hesnr.errors import InputError

PEAK_LR, END_LR, WARMUP_STEPS = 6e-4, 1e-4, 10
SAVE_EVERY = 50
_BASE_STAGE = "base"


def rope_parameters(scaling: str) -> dict[str, Any]:
    """The `rope_parameters` of a configuration, without theta."""
    found: dict[str, Any] = {"rope_type": scaling, "factor": float(FACTOR)}
    return found | ({"original_max_position_embeddings": SHORT} if scaling == "yarn" else {})


def settings() -> dict[str, Any]:
    """Of the training on long rows, for the files of readings."""
    return {
        "factor": FACTOR, "window": LONG, "shares": SHARES_LONG, "batch_tokens": BATCH_TOKENS, "peak_lr": PEAK_LR,
        "end_lr": END_LR, "warmup_steps": WARMUP_STEPS, "last_step": STEPS[-1], "seed": ADAPTATION_SEED,
    }  # fmt: skip


def extended(out: Path, extension: Extension) -> Path:
    """The folder of an extended checkpoint. It is made if it is not there, together with those of fewer steps.

    Args:
        out: the folder of the laboratory's work. If the checkpoint `BASE` or the corpus is missing in it, it is made,
            which takes an hour.
        extension: which one.
    """
    base = checkpoint(out / "families", BASE)
    work = out / "context" / f"extended-{digest_of_weights(base)[:12]}"
    if not (work / extension.name).exists():
        _train(out / "families", base, work, extension)
    if not (work / extension.name).exists():
        raise InputError(f"{work}: {extension.name} was removed after more steps were made; remove the whole folder")
    return work / extension.name


def stage_of(scaling: str, last_step: int) -> Stage:
    """The training on long rows, up to a step. The learning rate of a step does not depend on the last step."""
    return Stage(
        name=scaling,
        parent=_BASE_STAGE,
        first_step=0,
        last_step=last_step,
        window=LONG,
        shares=SHARES_LONG,
        schedule=Schedule(first_step=0, last_step=STEPS[-1], warmup_steps=WARMUP_STEPS, peak=PEAK_LR, end=END_LR),
        members={steps: Extension(scaling, steps).name for steps in STEPS if steps <= last_step},
        rope=rope_parameters(scaling),
        # the formula of `dynamic` needs the context of the training before
        context=SHORT if scaling == "dynamic" else LONG,
        goes_on=False,
    )


def _train(families: Path, base: Path, work: Path, extension: Extension) -> None:
    torch.set_num_threads(1)
    tokenizer, streams = prepared(families, n_workers=1)
    _write_state(base, work)
    family = BASE.partition("-")[0]
    run = Run(
        out=work, seed=ADAPTATION_SEED, size=RECIPES[family].size, batch_tokens=BATCH_TOKENS, bf16=has_bf16("cpu"),
        compile=False,  # `dynamic` computes its angles while it runs
        save_every=SAVE_EVERY,
    )  # fmt: skip
    run_stage(run, stage_of(extension.scaling, max(extension.steps, STEPS[1])), tokenizer, streams)


def _write_state(base: Path, work: Path) -> None:
    """The weights of the checkpoint, as the state that a training continues."""
    path = state_path(work, _BASE_STAGE)
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = LlamaForCausalLM.from_pretrained(base, dtype=torch.float32).state_dict()
    partial = path.with_suffix(f".{os.getpid()}.tmp")
    torch.save({"model": weights, "optimizer": None, "step": 0, "seconds": 0.0}, partial)
    partial.replace(path)
