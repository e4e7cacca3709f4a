"""The part `speedup` of `benchmarks/scoring.py`: one pass against stock `hf` with one request per action.

benchmarks/README.md has the formula of the prediction.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from lm_eval.models.huggingface import HFLM
from scipy.optimize import nnls

from benchmarks.measuring import K, alternately, tokens_of
from benchmarks.readme_table import Row
from lm_eval_hesnr.models.hf import HFTopK
from lm_eval_hesnr.models.torch_engine.forward import RequestedRows

RUNS = {
    "mini_swe_agent_1.1/exit_InternalServerError.traj.json": 0,
    "mini_swe_agent_1/sympy__sympy-13480": 0,
    "mini_swe_agent_1/django__django-14771": 0,
    "mini_swe_agent_1/sphinx-doc__sphinx-10614": 300,
    "mini_swe_agent_1.1/deepseek_chat_dev/pylint-dev__astroid-1978.traj.json": 300,
    "mini_swe_agent_1.1/deepseek_chat_dev/marshmallow-code__marshmallow-1359.traj.json": 300,
}
"""Real trajectories of 15, 22, 40, 63, 65 and 74 actions, with the characters kept of each observation (0: all)."""

N_HEAD_ROWS = 2048


class BothWays:
    """One pass over a text, and stock `hf` with one request for each of its actions."""

    def __init__(self, lm: HFTopK, scorer: RequestedRows, ids: torch.Tensor, spans: Sequence[tuple[int, int]]) -> None:
        """Nothing runs yet.

        Args:
            lm: of both ways.
            scorer: of the one pass, with the model of `lm`.
            ids: (T,) on the model's device.
            spans: [first, end) of each action, in tokens.
        """
        self.lm, self.scorer, self.ids, self.spans = lm, scorer, ids, spans
        self.rows = np.concatenate([np.arange(start - 1, end - 1) for start, end in spans])
        """That predict the tokens of the actions."""
        self.targets = ids[torch.as_tensor(self.rows, device=ids.device) + 1]
        listed = ids.tolist()
        self._requests = [(("", ""), listed[:start], listed[start:end]) for start, end in spans]
        self.ours: Any = None
        self._theirs: Any = None

    def one_pass(self) -> None:
        """Score all actions in one pass."""
        self.ours = self.scorer.statistics(self.ids[: self.rows[-1] + 1], self.rows, self.targets, K)

    def stock(self) -> None:
        """Score action by action."""
        self._theirs = HFLM._loglikelihood_tokens(self.lm, self._requests, disable_tqdm=True)

    def difference(self) -> float:
        """The largest difference of the summed logprobs of an action, in nats. Both ways must have been called."""
        logprobs = self.ours.logprob.double().cpu().numpy()
        each = np.split(logprobs, np.cumsum([end - start for start, end in self.spans])[:-1])
        return float(max(abs(own.sum() - other) for own, (other, _) in zip(each, self._theirs, strict=True)))


def speedup(arguments: argparse.Namespace) -> Iterator[Row]:
    """Time of stock `hf` with one request per action, relative to one pass over the same real trajectories."""
    lm = HFTopK(device="cpu", max_length=2**17)
    scorer = RequestedRows(lm.model, name="tiny")
    curve: list[tuple[int, float, float]] = []
    for name in arguments.runs:
        most = RUNS.get(name, 0) if arguments.observation is None else arguments.observation
        ids, spans = tokens_of(name, lm, most)
        tensor = torch.as_tensor(ids)
        both = BothWays(lm, scorer, tensor, spans)
        lengths = [len(ids) // 4, len(ids) // 2, both.rows[-1] + 1]
        bodies = [
            lambda n=n, tensor=tensor: lm.model.model(input_ids=tensor[None, :n], use_cache=False) for n in lengths
        ]
        hidden = torch.randn(N_HEAD_ROWS, lm.model.config.hidden_size)
        seconds = alternately(
            arguments.repeats, both.one_pass, both.stock, *bodies, lambda hidden=hidden: lm.model.lm_head(hidden)
        )
        ours, theirs, *bodies_seconds, head_seconds = seconds
        measured = costs_of(lengths, bodies_seconds, head_seconds / N_HEAD_ROWS)
        curve.append((len(spans), theirs / ours, predicted(spans, flops_of(lm.model))))
        cut = f", observations cut to {most} characters" if most else ""
        yield Row(
            f"speed-up over stock `hf`, {Path(name).name.removesuffix('.traj.json')}{cut}",
            f"{len(spans)} actions, {len(ids)} tokens, {len(both.rows)} wanted",
            f"**{theirs / ours:.1f}** ({theirs:.1f} s / {ours:.2f} s; sums differ by <= {both.difference():.0e})",
            f">= {predicted(spans, flops_of(lm.model)):.1f}",
            f"stock, predicted from FLOPs by the formula above; from costs measured in the same run "
            f"{predicted(spans, measured):.1f}, "
            f"body alone {bodies_seconds[-1]:.2f} s",
        )  # fmt: skip
    yield Row(
        "speed-up against the number of actions", f"{len(curve)} runs",
        ", ".join(f"{n}: **{measured:.1f}**" for n, measured, _ in sorted(curve)),
        ", ".join(f"{n}: >= {least:.1f}" for n, _, least in sorted(curve)),
        "stock, predicted from FLOPs by the formula above",
    )  # fmt: skip


class Costs(NamedTuple):
    """Costs of a model in seconds or FLOPs: body per token (a) and per pair of tokens (b), head per row (h)."""

    a: float
    b: float
    h: float


def predicted(spans: list[tuple[int, int]], costs: Costs) -> float:
    """The cost of one request per action, divided by the cost of one pass."""
    a, b, h = costs
    ends = np.array([end for _, end in spans], float)
    n_wanted = sum(end - start for start, end in spans)
    length = ends[-1]
    return float(((a + h) * ends.sum() + b * (ends**2).sum()) / (a * length + h * n_wanted + b * length**2))


def flops_of(model: Any) -> Costs:
    """The costs in floating-point operations, from the model's sizes."""
    config = model.config
    layer = sum(p.numel() for p in model.model.layers[0].parameters() if p.dim() == 2)
    pairs = 2 * config.num_hidden_layers * config.num_attention_heads * config.head_dim
    return Costs(2 * config.num_hidden_layers * layer, pairs, 2 * config.hidden_size * config.vocab_size)


def costs_of(lengths: list[int], seconds: list[float], a_row: float) -> Costs:
    """The costs that fit best the body's seconds on texts of these lengths, and the head's seconds per row."""
    n, took = np.array(lengths, float), np.array(seconds)
    (a, b), _ = nnls(np.stack([n / took, n**2 / took], axis=1), np.ones(len(n)))
    return Costs(float(a), float(b), a_row)
