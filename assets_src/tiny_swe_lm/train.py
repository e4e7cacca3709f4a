"""One stage of training. It can be resumed: it saves its state regularly and continues from the last saved state.

A batch depends only on seed and step, so a resumed stage ends with the same weights as an uninterrupted one.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch.nn.functional import cross_entropy
from transformers import LlamaForCausalLM

from assets_src.tiny_swe_lm.data import IGNORED, Stream, draw_batch
from assets_src.tiny_swe_lm.model import Size, build_model, export

logger = logging.getLogger(__name__)
WEIGHT_DECAY = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Learning rate by step: linear warm-up to `peak`, then a cosine to `end` at `last_step`."""

    first_step: int
    last_step: int
    warmup_steps: int
    peak: float
    end: float

    def lr(self, step: int) -> float:
        """The learning rate at a step."""
        done = step - self.first_step
        if done < self.warmup_steps:
            return self.peak * (done + 1) / self.warmup_steps
        progress = (done - self.warmup_steps) / max(1, self.last_step - self.first_step - self.warmup_steps)
        return self.end + (self.peak - self.end) * (1 + math.cos(math.pi * min(1.0, progress))) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The training steps [first_step, last_step), on windows of one length."""

    name: str
    parent: str | None
    """The stage whose final weights are the start of this one; None for random weights."""
    first_step: int
    last_step: int
    window: int
    """Tokens in one row."""
    shares: dict[str, float]
    """Expected share of the rows, by stream."""
    schedule: Schedule
    members: dict[int, str] = field(default_factory=dict)
    """Folder of each checkpoint, by the number of finished steps."""
    rope: dict[str, Any] | None = None
    context: int | None = None
    """`max_position_embeddings` of the checkpoints, in tokens; the window if None."""
    goes_on: bool = True
    """Whether the optimizer state of the parent is used too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Settings of all stages."""

    out: Path
    seed: int = 0
    size: Size = field(default_factory=Size)
    batch_tokens: int = 4096
    device: str = "cpu"
    bf16: bool = True
    compile: bool = True
    save_every: int = 250
    should_stop: Callable[[], bool] = lambda: False


def has_bf16(device: str) -> bool:
    """Whether matrix products in bfloat16 are fast: on a GPU, and on a CPU with AVX-512 BF16."""
    return device != "cpu" or torch.cpu._is_avx512_bf16_supported()


def state_path(out: Path, stage: str) -> Path:
    """File with the weights, optimizer state and step of a stage."""
    return out / "state" / f"{stage}.pt"


def make_optimizer(model: torch.nn.Module, lr: float) -> torch.optim.AdamW:
    """AdamW in float32, with weight decay only on matrices."""
    groups = [
        {"params": [p for p in model.parameters() if p.dim() >= 2], "weight_decay": WEIGHT_DECAY},
        {"params": [p for p in model.parameters() if p.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.95), eps=1e-8, fused=True)


def _saved(run: Run, stage: Stage) -> dict[str, Any] | None:
    """The state to continue from: that of the stage, else the last one of its parent, else None."""
    own = state_path(run.out, stage.name)
    if own.exists():
        return torch.load(own, weights_only=True, map_location=run.device)
    if stage.parent is None:
        return None
    state = torch.load(state_path(run.out, stage.parent), weights_only=True, map_location=run.device)
    if state["step"] != stage.first_step:
        raise ValueError(
            f"stage {stage.name} starts at step {stage.first_step}, but its parent {stage.parent} is at {state['step']}"
        )
    return {**state, "optimizer": state["optimizer"] if stage.goes_on else None, "seconds": 0.0}


def _save(
    run: Run, stage: Stage, model: LlamaForCausalLM, optimizer: torch.optim.AdamW, step: int, seconds: float
) -> None:
    path = state_path(run.out, stage.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".tmp")
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "seconds": seconds}
    torch.save(state, partial)
    partial.replace(path)  # a run that is killed while it saves keeps the previous state


def _log(run: Run, stage: Stage, step: int, losses: list[float], seconds: float) -> None:
    record = {
        "stage": stage.name,
        "step": step,
        "tokens": step * run.batch_tokens,
        "window": stage.window,
        "loss": round(float(np.mean(losses)), 4),
        "lr": round(stage.schedule.lr(step - 1), 6),
        "seconds": round(seconds, 1),
    }
    with (run.out / "log.jsonl").open("a") as log:
        log.write(json.dumps(record) + "\n")
    logger.info("%s", record)


def run_stage(run: Run, stage: Stage, tokenizer: Tokenizer, streams: dict[str, Stream]) -> bool:
    """Train the stage to its end and write its checkpoints. Returns False if it was asked to stop earlier."""
    model = build_model(run.seed, run.size, tokenizer, context=stage.context or stage.window, rope=stage.rope).to(
        run.device
    )
    optimizer = make_optimizer(model, stage.schedule.peak)
    first, seconds = stage.first_step, 0.0
    state = _saved(run, stage)
    if state is not None:
        model.load_state_dict(state["model"])
        first, seconds = state["step"], state["seconds"]
        if state["optimizer"] is not None:
            optimizer.load_state_dict(state["optimizer"])
    if first >= stage.last_step:
        return True
    if first == stage.first_step and first in stage.members:
        export(model, tokenizer, run.out / stage.members[first])

    def batch_loss(inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        logits = model(input_ids=inputs, use_cache=False).logits  # (B, T, V); position t predicts token t + 1
        return cross_entropy(logits.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORED)

    step_loss = torch.compile(batch_loss, dynamic=False) if run.compile else batch_loss
    model.train()
    started, losses = time.time() - seconds, []
    for step in range(first, stage.last_step):
        if run.should_stop():
            _save(run, stage, model, optimizer, step, time.time() - started)
            logger.info("stopped in stage %s after step %d; the same command continues from there", stage.name, step)
            return False
        for group in optimizer.param_groups:
            group["lr"] = stage.schedule.lr(step)
        n_rows = run.batch_tokens // stage.window
        batch = draw_batch(streams, stage.shares, window=stage.window, n_rows=n_rows, seed=run.seed, step=step)
        with torch.autocast(torch.device(run.device).type, torch.bfloat16, enabled=run.bf16):
            loss = step_loss(batch.inputs.to(run.device), batch.targets.to(run.device))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        done = step + 1
        if done in stage.members:
            export(model, tokenizer, run.out / stage.members[done])
        if done % 50 == 0 or done == stage.last_step:
            _log(run, stage, done, losses, time.time() - started)
            losses = []
        if done % run.save_every == 0 or done == stage.last_step:
            _save(run, stage, model, optimizer, done, time.time() - started)
    return True
