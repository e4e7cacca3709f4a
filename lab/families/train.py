"""Train the families. A run that was stopped continues from its last saved state."""

from __future__ import annotations

import contextlib
import hashlib
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from assets_src.tiny_swe_lm import corpus
from assets_src.tiny_swe_lm.data import Stream, load_streams, prepare_data
from assets_src.tiny_swe_lm.model import build_model, export
from assets_src.tiny_swe_lm.train import Run, has_bf16, run_stage
from assets_src.tiny_swe_lm.working_folder import keep_to_plan
from lab.families.corrupted import write_corrupted
from lab.families.plan import FLOOR
from lab.families.recipes import BATCH_TOKENS, N_STEPS, RECIPES, REPEATS, WINDOW, stage
from lm_eval_hesnr.assets import EMBEDDED_MODEL

SEED = 0
SESSIONS = {"sessions": 2600, "tool_sessions": 1000}
TOKENIZER = EMBEDDED_MODEL / "tokenizer.json"
"""That of the packaged model. The corpus depends on the machine. So would a tokenizer that is trained on it, and models
of two machines could not be compared."""


def prepared(out: Path, *, n_workers: int) -> tuple[Tokenizer, dict[str, Stream]]:
    """The tokenizer and all streams of the working folder. They are made first if they are not there."""
    digest = hashlib.sha256(TOKENIZER.read_bytes()).hexdigest()
    keep_to_plan(out, {"seed": SEED, "steps": N_STEPS, **SESSIONS, "tokenizer_sha256": digest})
    if not (out / "tokenizer.json").exists():
        amounts = ["--sessions", str(SESSIONS["sessions"]), "--tool-sessions", str(SESSIONS["tool_sessions"])]
        corpus.main(["--out", str(out), "--seed", str(SEED), "--workers", str(n_workers), *amounts])
    tokenizer = prepare_data(out, SEED, Tokenizer.from_file(str(TOKENIZER)))
    corrupted = write_corrupted(out, SEED)
    return tokenizer, {**load_streams(out), "corrupted": Stream(np.load(corrupted, mmap_mode="r"))}


def train(out: Path, family: str, *, n_threads: int, compile_model: bool = True) -> bool:
    """Train one family to its end, and write its checkpoints into `out`.

    Returns:
        Whether it is finished. False means that SIGTERM or SIGINT stopped it; call it again to continue.
    """
    torch.set_num_threads(n_threads)
    tokenizer, streams = prepared(out, n_workers=n_threads)
    with _stop_signals() as should_stop:
        run = Run(
            out=out, seed=REPEATS.get(family, SEED), size=RECIPES[family].size, batch_tokens=BATCH_TOKENS,
            bf16=has_bf16("cpu"),
            compile=compile_model, should_stop=should_stop,
        )  # fmt: skip
        return run_stage(run, stage(family), tokenizer, streams)


def checkpoint(out: Path, name: str) -> Path:
    """The folder of a checkpoint. Its family is trained first if it is not there.

    Args:
        out: the working folder of all families.
        name: such as `recipe-012.5`, or that of the random weights.

    Raises:
        KeyboardInterrupt: the training was stopped; call it again to continue.
    """
    if name == FLOOR:
        return write_floor(out)
    if not (out / name).exists() and not train(out, name.partition("-")[0], n_threads=1):
        raise KeyboardInterrupt
    return out / name


def write_floor(out: Path) -> Path:
    """The checkpoint of random weights, with the size of the first family. Returns its folder."""
    folder = out / FLOOR
    if not folder.exists():
        tokenizer, _ = prepared(out, n_workers=1)
        export(build_model(SEED, RECIPES["recipe"].size, tokenizer, context=WINDOW), tokenizer, folder)
    return folder


@contextlib.contextmanager
def _stop_signals() -> Iterator[Callable[[], bool]]:
    """A function that says whether SIGTERM or SIGINT came. The handlers from before are set again at the end."""
    stopped: list[int] = []
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda number, _frame: stopped.append(number)) for number in numbers]
    try:
        yield lambda: bool(stopped)
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
