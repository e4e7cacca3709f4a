"""The pieces of work about generated choices: fine-tune the last checkpoint on them, and read new ones."""

from __future__ import annotations

import json
import math
import random
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from transformers import AutoTokenizer, LlamaForCausalLM, PreTrainedTokenizerBase

from assets_src.tiny_swe_lm.train import has_bf16
from lab.experiment import Made
from lab.families.about import about_with_training
from lab.families.train import checkpoint
from lab.scoring import token_scores
from lab.shift.choices import HEAD, TEXTS, Choices, choices, single_words
from lab.shift.layout import COLUMNS_OF_CHOICES, POOL_ORDERS, choice_columns_at, line
from lab.shift.make import entropies_of
from lab.shift.plan import POOLS, TEMPERATURES
from lab.tuning.fine_tune import Settings, encoded, fine_tune
from lm_eval_hesnr.files import replace_file
from lm_eval_hesnr.metrics.edges import WINDOW
from lm_eval_hesnr.scoring.token_scores import TokenScores
from lm_eval_hesnr.trajectories.schema import Segment, Trajectory

LR = 2e-3
TOKENS = 1024
"""Of one step of fine-tuning, at least."""
_FEWEST_TOKENS = 100
"""No text is so short. So there are enough examples for all steps."""


def make_choices(folder: Path, name: str, steps: int, seed: int) -> Made:
    """What the checkpoint says about generated choices, after fine-tuning on others.

    Args:
        folder: of the piece of work, two levels below the folder of the laboratory's work.
        name: of the checkpoint.
        steps: of fine-tuning.
        seed: of pools, texts and the order of examples.
    """
    torch.set_num_threads(1)
    start = checkpoint(folder.parents[1] / "families", name)
    tokenizer = AutoTokenizer.from_pretrained(start)
    model = LlamaForCausalLM.from_pretrained(start, dtype=torch.float32)
    pools = choices(single_words(len(tokenizer), lambda i: tokenizer.decode([i])), seed)
    rng = random.Random(seed)
    examples = encoded(tokenizer, [(HEAD, pools.text(rng)) for _ in range(steps * TOKENS // _FEWEST_TOKENS)])
    losses = fine_tune(model, examples, Settings(seed=seed, steps=steps, lr=LR, tokens=TOKENS))
    rng = random.Random(f"read {seed}")
    texts = [pools.text(rng) for _ in range(TEXTS)]
    with tempfile.TemporaryDirectory(prefix="hesnr-lab-") as work:
        model.save_pretrained(work)
        tokenizer.save_pretrained(work)
        runs = _write_runs(Path(work) / "choices.jsonl", texts)
        scores = token_scores(Path(work), runs, metadata={"temperatures": True})
    read = [each_choice(one, pools, tokenizer) for one in scores]
    loss = float(np.mean(losses[-10:]))
    value = {
        "settings": {"steps": steps, "lr": LR, "tokens": TOKENS, "seed": seed, "bfloat16": has_bf16("cpu")},
        "loss": float(f"{loss:.5g}") if math.isfinite(loss) else None,
        "sums": {
            f"{t:g}": {"columns": choice_columns_at(t), "rows": [_sums_line(one, t) for one in read]}
            for t in TEMPERATURES
        },
        "sizes": [" ".join(map(str, one.sizes)) for one in read],
        "entropies": [" ".join(f"{entropy:.3f}" for entropy in one.entropies[1.0]) for one in read],
        "logprobs": [" ".join(f"{logprob:.3f}" for logprob in one.logprobs) for one in read],
    }
    return Made(about_with_training(start, name), value)


class Read(NamedTuple):
    """What a model says about the n choices of one text."""

    sizes: np.ndarray
    """(n,) of the pools."""
    entropies: Mapping[float, np.ndarray]
    """Temperature to (n,) nats."""
    logprobs: np.ndarray
    """(n,) of the names, at temperature 1."""

    def sums(self, temperature: float) -> np.ndarray:
        """(len(COLUMNS_OF_CHOICES),) sums."""
        found = []
        for size in POOLS:
            entropy = self.entropies[temperature][self.sizes == size]
            near = [float((np.abs(entropy - math.log(n)) <= WINDOW).sum()) for n in POOL_ORDERS]
            found += [len(entropy), entropy.sum(), *near]
        return np.array(found)


def each_choice(scores: TokenScores, pools: Choices, tokenizer: PreTrainedTokenizerBase) -> Read:
    """What the scores of one text say. A choice is the token after ` =`."""
    (equals,) = tokenizer(" =", add_special_tokens=False)["input_ids"]
    places = np.flatnonzero(scores.token_ids[:-1] == equals) + 1
    keys = [tokenizer.decode([int(scores.token_ids[i - 2])]).strip() for i in places]
    sizes = np.array([len(pools.pools[key]) for key in keys])
    return Read(sizes, entropies_of(scores, places), scores.logprob[places])


def _sums_line(read: Read, temperature: float) -> str:
    sums = read.sums(temperature)
    return line(np.array([sums[COLUMNS_OF_CHOICES.index(column)] for column in choice_columns_at(temperature)]))


def _write_runs(path: Path, texts: Sequence[str]) -> Path:
    """The texts as runs of an agent."""
    runs = [
        Trajectory(
            id=f"choices/{i}",
            source="choices",
            resolved=True,
            model=None,
            segments=(Segment("task", "Pick."), Segment("action", text, generated=True)),
        )
        for i, text in enumerate(texts)
    ]
    replace_file(path, "".join(json.dumps(run.to_json()) + "\n" for run in runs))
    return path
