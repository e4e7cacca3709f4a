"""What `temperatures` and `candidates` cost: `python benchmarks/options_cost.py [--repeats 7] [--length 256]`.

1. Time of scoring with each option, relative to plain scoring. Both alternate in the same process. It prints the median
   of the ratios of CPU time, and of wall time. Models: the shape of SmolLM2-135M with random weights, and the embedded
   model over a part of an embedded run. `action`: only the tokens of actions are scored; `all`: every token.
2. Bytes per token of a token table with each option, over whole embedded runs.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import transformers
from lm_eval.api.instance import Instance

from lm_eval_hesnr.models.hf import HFTopK
from lm_eval_hesnr.models.torch_engine.forward import RequestedRows
from lm_eval_hesnr.scoring.list_columns import LIST_COLUMNS
from lm_eval_hesnr.scoring.statistics import ALL_EXTRAS, NO_EXTRAS, Extras
from lm_eval_hesnr.scoring.token_table import as_parquet, as_table
from lm_eval_hesnr.task import SweHesnr

OPTIONS = {
    "plain": NO_EXTRAS, "temperatures": Extras(temperatures=True), "candidates": Extras(candidates=True),
    "both": ALL_EXTRAS,
}  # fmt: skip
ACTIONS = 0.2
"""Share of tokens in actions of the random text."""
DECISIONS = 0.3
"""Share of tokens of the random text that are among the candidates."""
K = 10


def main() -> None:
    """Print both parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--length", type=int, default=256, help="tokens of the random text")
    parser.add_argument("--runs", type=int, default=2, help="embedded runs for the size of tables")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores, one thread, median of {arguments.repeats} pairs")
    print("| model | scored | option | CPU time | wall time |\n|---|---|---|---|---|")
    for model, scored, calls in (*embedded(), *smollm_shape(arguments.length)):
        for option in ("temperatures", "candidates"):
            cpu, wall = ratios(arguments.repeats, calls[option], calls["plain"])
            print(f"| {model} | {scored} | {option} | {cpu:.3f} | {wall:.3f} |", flush=True)
    print("| scored | option | bytes per token |\n|---|---|---|")
    for row in sizes(arguments.runs):
        print(f"| {' | '.join(row)} |", flush=True)


Calls = dict[str, Callable[[], Any]]


def smollm_shape(length: int) -> Iterator[tuple[str, str, Calls]]:
    """Scoring of a random text by a model of the shape of SmolLM2-135M."""
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=49_152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9,
        num_key_value_heads=3, tie_word_embeddings=True, max_position_embeddings=8192, initializer_range=0.1,
    )  # fmt: skip
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    scorer = RequestedRows(model, name="smollm2")
    random = np.random.default_rng(0)
    ids = torch.as_tensor(random.integers(config.vocab_size, size=length))
    with torch.inference_mode():
        likely = model(input_ids=ids[None]).logits[0].argmax(-1)
    targets = torch.where(torch.as_tensor(random.random(length) < DECISIONS), likely, ids.roll(-1))
    for scored, rows in (
        ("action", np.flatnonzero(np.arange(length) % 100 < 100 * ACTIONS)),
        ("all", np.arange(length)),
    ):
        yield (
            f"SmolLM2-135M's shape, {length} tokens", f"{scored}, {len(rows)} tokens",
            {
                name: lambda rows=rows, extras=extras: scorer.statistics(ids, rows, targets[rows], K, extras=extras)
                for name, extras in OPTIONS.items()
            },
        )  # fmt: skip


def embedded() -> Iterator[tuple[str, str, Calls]]:
    """Scoring of the second window of an embedded run by the embedded model."""
    lm = HFTopK(dtype="float32", device="cpu")
    for scored in ("action", "all"):
        request = lm.encode(requests(scored, NO_EXTRAS, 1)[0])
        window = request.plan[1]
        ids = torch.as_tensor(request.tokens.ids[window.start : window.end])
        rows = window.positions - window.start - 1
        yield (
            f"embedded model, {len(ids)} tokens", f"{scored}, {len(rows)} tokens",
            {
                name: lambda rows=rows, ids=ids, extras=extras: lm._rows.statistics(
                    ids[:-1], rows, ids[rows + 1], K, extras=extras
                )
                for name, extras in OPTIONS.items()
            },
        )  # fmt: skip


def sizes(n_runs: int) -> Iterator[tuple[str, ...]]:
    """Bytes per token of token tables."""
    lm = HFTopK(dtype="float32", device="cpu")
    for scored in ("action", "all"):
        chosen = requests(scored, ALL_EXTRAS, n_runs)
        scores = [answer.scores for answer in lm.loglikelihood(chosen, disable_tqdm=True)]
        texts = ["".join(request.args) for request in chosen]
        n_tokens = sum(len(one.scored) for one in scores)
        for name, extras in OPTIONS.items():
            left_out = {column.name: None for column in LIST_COLUMNS if not getattr(extras, column.extra)}
            tables = [as_table(0, "x", replace(one, **left_out), text) for one, text in zip(scores, texts, strict=True)]
            n_bytes = sum(len(as_parquet(table)) for table in tables)
            yield scored, name, f"{n_bytes / n_tokens:.1f}"


def requests(score: str, extras: Extras, n_runs: int) -> list[Instance]:
    """The requests of the first embedded runs."""
    task = SweHesnr({"task": "swe_hesnr", "metadata": {"score": score}})
    task.build_all_requests(rank=0, world_size=1, limit=n_runs)
    for request in task.instances:
        request.args[1].extras = extras
    return list(task.instances)


def ratios(repeats: int, call: Callable[[], Any], baseline: Callable[[], Any]) -> tuple[float, float]:
    """Medians of CPU time and of wall time of the call over those of the baseline, in alternating pairs."""
    baseline(), call()
    found = []
    for _ in range(repeats):
        times = []
        for one in (baseline, call):
            cpu, wall = time.process_time(), time.perf_counter()
            one()
            times.append((time.process_time() - cpu, time.perf_counter() - wall))
        found.append((times[1][0] / times[0][0], times[1][1] / times[0][1]))
    cpu_ratios, wall_ratios = zip(*found, strict=True)
    return statistics.median(cpu_ratios), statistics.median(wall_ratios)


if __name__ == "__main__":
    main()
