"""One pass of a model over each trajectory. Its blocks of logits give the statistics of every change.

For every trajectory, `OUT/measured/<change>/` gets a token table, and `OUT/temperatures/` gets one file with the
logprobs and entropies at every temperature of the grid. The latter is written last. A trajectory that has it is not
scored again.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks.interventions.changes import MEASURED, seed_of
from lm_eval_hesnr.files import replace_file
from lm_eval_hesnr.models.hf import HFTopK
from lm_eval_hesnr.models.torch_engine.rope import forget_longest
from lm_eval_hesnr.models.torch_engine.topk import RowStatistics, row_statistics
from lm_eval_hesnr.models.window_request import EncodedTrajectory, WindowRequest
from lm_eval_hesnr.scoring.statistics import Statistics
from lm_eval_hesnr.scoring.token_table import write_token_table
from lm_eval_hesnr.scoring.windows import plan_windows

INVERSES = np.linspace(0.5, 2.0, 31)
"""The grid of 1 / T."""

_NUMBERS_AT_ONCE = 2**21
"""Logits per block: they fit into a CPU's cache."""


class Scored(NamedTuple):
    """The statistics of R tokens under every change."""

    by_change: dict[str, Statistics]
    logprob: np.ndarray
    """(changes, temperatures, R) float32."""
    entropy: np.ndarray
    """(changes, temperatures, R) float32."""


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
        np.savez(content, logprob=scored.logprob, entropy=scored.entropy)
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
    grid: list[torch.Tensor] = []  # of (changes, temperatures, 2, R')
    for logits, targets, positions in _blocks(model, encoded, k):
        changed = {c: f(logits, targets, [seed_of(name, p) for p in positions]) for c, f in MEASURED.items()}
        for change, values in changed.items():
            rows[change].append(row_statistics(values, targets, k))
        grid.append(torch.stack([_at_temperatures(values, targets, k) for values in changed.values()]))
    if not grid:
        empty = Statistics(*(np.empty(0, kind) for kind in ("f4", "f4", "i4", "f4", "f4")))
        none = np.empty((len(MEASURED), len(INVERSES), 0), np.float32)
        return Scored(dict.fromkeys(MEASURED, empty), none, none)
    by_change = {
        change: Statistics(*(torch.cat(column).numpy() for column in zip(*parts, strict=True)))
        for change, parts in rows.items()
    }
    logprob, entropy = torch.cat(grid, dim=3).numpy().transpose(2, 0, 1, 3)
    return Scored(by_change, logprob, entropy)


def _at_temperatures(logits: torch.Tensor, targets: torch.Tensor, k: int) -> torch.Tensor:
    """(temperatures, 2, R): logprob and entropy at each temperature of the grid."""
    found = [row_statistics(logits * float(inverse), targets, k) for inverse in INVERSES]
    return torch.stack([torch.stack([one.logprob, one.entropy]) for one in found])


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
