"""One pass of a model over each trajectory. Its blocks of logits give the statistics of every change.

For every trajectory, `OUT/measured/<change>/` gets a token table, and `OUT/temperatures/` gets one file with what other
temperatures need (`temperatures`). The latter is written last. A trajectory that has it is not scored again.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks.interventions.changes import MEASURED, seed_of
from benchmarks.interventions.temperatures import INVERSES, log_partitions
from lm_eval_hesnr.files import replace_file
from lm_eval_hesnr.models.hf import HFTopK
from lm_eval_hesnr.models.torch_engine.rope import forget_longest
from lm_eval_hesnr.models.torch_engine.topk import RowStatistics, row_statistics, top_values
from lm_eval_hesnr.models.window_request import EncodedTrajectory, WindowRequest
from lm_eval_hesnr.scoring.statistics import Statistics
from lm_eval_hesnr.scoring.token_table import write_token_table
from lm_eval_hesnr.scoring.windows import plan_windows

_NUMBERS_AT_ONCE = 2**19
"""Logits per block: several copies of them fit into a CPU's cache."""


_NOTHING = Statistics(*(np.empty(0, kind) for kind in ("f4", "f4", "i4", "f4", "f4")))


class Scored(NamedTuple):
    """The statistics of R tokens under every change."""

    by_change: dict[str, Statistics]
    log_z: np.ndarray
    """(changes, R, temperatures) float32, see `temperatures.log_partitions`."""
    top_logits: np.ndarray
    """(changes, R, k) float32: the candidates' logits minus the largest logit."""


def score_all(model: HFTopK, requests: list[Any], out: Path, max_tokens: int | None) -> None:
    """Score every trajectory that is not scored yet, and print one line for each."""
    for number, request in enumerate(requests):
        name = str(request.doc["id"])
        last = temperatures_file(out, number)
        if last.exists():
            continue
        encoded = _shortened(model, model.encode(request), max_tokens)
        if not encoded.plan:
            print(f"{number:3d} {name}: no action among its first {max_tokens} tokens", flush=True)
        scored = score(model, encoded, request.args[1].k, name)
        for change, statistics in scored.by_change.items():
            scores = model._token_scores(encoded, request.args[1], statistics, name)
            scores.signature.update(score="action", change=change, first_tokens=max_tokens)
            write_token_table(out / "measured" / change, number, name, scores, encoded.text)
        content = io.BytesIO()
        np.savez(content, log_z=scored.log_z, top_logits=scored.top_logits)
        last.parent.mkdir(parents=True, exist_ok=True)
        replace_file(last, content.getvalue())
        print(f"{number:3d} {name}: {len(encoded.positions)} of {len(encoded.tokens.ids)} tokens scored", flush=True)


def temperatures_file(out: Path, number: int) -> Path:
    """The file with the statistics of one trajectory at every temperature."""
    return out / "temperatures" / f"{number:05d}.npz"


def _shortened(model: HFTopK, encoded: EncodedTrajectory, max_tokens: int | None) -> EncodedTrajectory:
    """The same trajectory, with only the positions among the first `max_tokens` tokens to score."""
    positions = encoded.positions[: None if max_tokens is None else np.searchsorted(encoded.positions, max_tokens)]
    plan = list(plan_windows(positions, model.window, model.stride)) if len(positions) else []
    return EncodedTrajectory(encoded.text, encoded.tokens, plan)


@torch.inference_mode()
def score(model: HFTopK, encoded: EncodedTrajectory, k: int, name: str) -> Scored:
    """The statistics of the trajectory's tokens to score, in their order."""
    rows: dict[str, list[RowStatistics]] = {change: [] for change in MEASURED}
    log_z: list[torch.Tensor] = [torch.empty(len(MEASURED), 0, len(INVERSES))]
    top: list[torch.Tensor] = [torch.empty(len(MEASURED), 0, k)]
    for logits, targets, positions in _blocks(model, encoded, k):
        seeds = [seed_of(name, position) for position in positions]
        changed = {change: apply(logits, targets, seeds) for change, apply in MEASURED.items()}
        for change, values in changed.items():
            rows[change].append(row_statistics(values, targets, k))
        log_z.append(torch.stack([log_partitions(values) for values in changed.values()]))
        largest = torch.stack([top_values(values, k) for values in changed.values()])
        top.append(largest - largest[:, :, :1])
    by_change = {
        change: Statistics(*(torch.cat(column).numpy() for column in zip(*parts, strict=True))) if parts else _NOTHING
        for change, parts in rows.items()
    }
    return Scored(by_change, torch.cat(log_z, dim=1).numpy(), torch.cat(top, dim=1).numpy())


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
