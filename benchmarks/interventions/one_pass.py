"""One pass of a model over each trajectory. Its blocks of logits give the statistics of every change.

For every trajectory, `OUT/measured/<change>/` gets a token table, in the order of `changes.MEASURED`. A trajectory with
the last of them is not scored again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.interventions.changes import MEASURED, seed_of
from lm_eval_hesnr.models.hf import HFTopK
from lm_eval_hesnr.models.torch_engine.rope import forget_longest
from lm_eval_hesnr.models.torch_engine.topk import RowStatistics, row_statistics
from lm_eval_hesnr.models.window_request import EncodedTrajectory, WindowRequest
from lm_eval_hesnr.scoring.statistics import Extras, Statistics
from lm_eval_hesnr.scoring.token_table import write_token_table
from lm_eval_hesnr.scoring.windows import plan_windows

_NUMBERS_AT_ONCE = 2**19
"""Logits per block: several copies of them fit into a CPU's cache."""


def score_all(model: HFTopK, requests: list[Any], out: Path, max_tokens: int | None) -> None:
    """Score every trajectory that is not scored yet, and print one line for each."""
    for number, request in enumerate(requests):
        name = str(request.doc["id"])
        if any((out / "measured" / list(MEASURED)[-1]).glob(f"{number:05d}-*.parquet")):
            continue
        encoded = _shortened(model, model.encode(request), max_tokens)
        if not encoded.plan:
            print(f"{number:3d} {name}: no action among its first {max_tokens} tokens", flush=True)
        for change, statistics in score(model, encoded, request.args[1].k, name).items():
            scores = model._token_scores(encoded, request.args[1], statistics, name)
            scores.signature.update(score="action", change=change, first_tokens=max_tokens)
            write_token_table(out / "measured" / change, number, name, scores, encoded.text)
        print(f"{number:3d} {name}: {len(encoded.positions)} of {len(encoded.tokens.ids)} tokens scored", flush=True)


def _shortened(model: HFTopK, encoded: EncodedTrajectory, max_tokens: int | None) -> EncodedTrajectory:
    """The same trajectory, with only the positions among the first `max_tokens` tokens to score."""
    positions = encoded.positions[: None if max_tokens is None else np.searchsorted(encoded.positions, max_tokens)]
    plan = list(plan_windows(positions, model.window, model.stride)) if len(positions) else []
    return EncodedTrajectory(encoded.text, encoded.tokens, plan)


@torch.inference_mode()
def score(model: HFTopK, encoded: EncodedTrajectory, k: int, name: str) -> dict[str, Statistics]:
    """The statistics of the trajectory's tokens to score, in their order, under every change."""
    extras = Extras(temperatures=True)
    nothing = row_statistics(torch.empty(0, k), torch.empty(0, dtype=torch.int64), k, extras)
    rows: dict[str, list[RowStatistics]] = {change: [nothing] for change in MEASURED}
    for logits, targets, positions in _blocks(model, encoded, k):
        seeds = [seed_of(name, position) for position in positions]
        for change, apply in MEASURED.items():
            rows[change].append(row_statistics(apply(logits, targets, seeds), targets, k, extras))
    return {change: Statistics.concatenated([_as_arrays(part) for part in parts]) for change, parts in rows.items()}


def _as_arrays(rows: RowStatistics) -> Statistics:
    columns: list[Any] = [None if column is None else column.numpy() for column in rows]
    return Statistics(*columns)


def _blocks(
    model: HFTopK, encoded: EncodedTrajectory, k: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor, list[int]]]:
    """Yield float32 logits (R, V), the true tokens (R,), and their positions, in the order of the text."""
    engine = model._rows
    for window in encoded.plan:
        request = WindowRequest(encoded.tokens.ids, window, k)
        ids = torch.as_tensor(request.ids)
        forget_longest(engine.model)
        end = window.start + model.window if engine.needs_whole_text else window.end - 1
        done = 0
        for logits in engine._logits(ids[window.start : end], request.rows - 1, lambda _: None):
            for block in logits.float().split(max(_NUMBERS_AT_ONCE // logits.shape[1], 1)):
                positions = window.positions[done : done + len(block)]
                done += len(block)
                yield block, ids[torch.as_tensor(positions)], positions.tolist()
