"""Time, memory and exactness of scoring: `python benchmarks/scoring.py [PART...] [--repeats 5] [--write]`.

Parts: floor, all_rows, memory, speedup, long, agreement, architectures. Without a part in the command, all of them run,
but `all_rows` only with --model_args. Each prints rows of the table in benchmarks/README.md. With --write these replace
the rows there that have the same name.

All of this is on a CPU; `gpu.py` measures on a GPU. Time is CPU time of this process on one thread. In `all_rows`
(`every_row.py`), it is wall time if there are several threads. The compared calls alternate, and the result is the
median of their repeats. Memory is bytes of tensors; in `long` it is the growth of the peak resident set during the call
(Linux). All weights are random except those of the embedded model, and of the model in `all_rows`.

Baselines:
    floor: the body's forward pass, and a plain matrix product of the requested hidden states with the head
    stock: the harness's own `hf` with one request per action
    definitions: full float32 logits, then a full sort in float64
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from transformers import AutoModelForCausalLM, LlamaConfig

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # a script finds only its own folder
from benchmarks.every_row import TEXT, all_rows  # noqa: E402
from benchmarks.measuring import (  # noqa: E402
    ACTIONS,
    K,
    allocated,
    alternately,
    body_and_product,
    compare,
    hidden_states,
    page_shape,
    requested,
    tokens_of,
)
from benchmarks.readme_table import Row, write  # noqa: E402
from benchmarks.speedup import RUNS, speedup  # noqa: E402
from lm_eval_hesnr.models.hf import HFTopK  # noqa: E402
from lm_eval_hesnr.models.torch_engine.forward import RequestedRows  # noqa: E402
from lm_eval_hesnr.scoring.windows import plan_windows  # noqa: E402

MB, GB = 2**20, 2**30


def main() -> None:
    """Run the parts and print the table."""
    parts: dict[str, Callable[[argparse.Namespace], Iterator[Row]]] = {
        "floor": floor, "all_rows": all_rows, "memory": memory, "speedup": speedup, "long": long_text,
        "agreement": agreement, "architectures": architectures,
    }  # fmt: skip
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(parts))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--vocabulary", type=int, nargs="+", default=[32_768, 151_936], help="vocabulary sizes for floor and memory"
    )
    parser.add_argument("--lengths", type=int, nargs="+", default=[2048, 8192, 32_768], help="for memory")
    parser.add_argument(
        "--runs", nargs="+", default=list(RUNS), help="for speedup: files or folders below shared/trajectories"
    )
    parser.add_argument(
        "--observation",
        type=int,
        help="for speedup: characters kept of each observation, 0: all (default: RUNS)",
    )
    parser.add_argument("--model_args", help="for all_rows, which needs a model: pretrained=FOLDER,dtype=float32")
    parser.add_argument(
        "--heads", type=int, nargs="+", default=[0], help="for all_rows: sizes of random heads, 0: its own"
    )
    parser.add_argument("--threads", type=int, default=2, help="for all_rows")
    parser.add_argument("--tokens", type=int, default=3072, help="for all_rows: of the text")
    parser.add_argument("--text", default=TEXT, help="for all_rows: a file or folder below shared/trajectories")
    parser.add_argument("--write", action="store_true", help="write the rows into benchmarks/README.md")
    arguments = parser.parse_args()
    if "all_rows" in arguments.parts and not arguments.model_args:
        parser.error("all_rows needs --model_args pretrained=FOLDER,dtype=float32")
    transformers.logging.set_verbosity_error()
    print("| what | size | measured | target | baseline |\n|---|---|---|---|---|")
    for name in arguments.parts or parts:
        torch.set_num_threads(1)
        for row in parts[name](arguments):
            print(f"| {' | '.join(row)} |", flush=True)
            if arguments.write:
                write(row)


def floor(arguments: argparse.Namespace) -> Iterator[Row]:
    """Time of one pass, relative to the least possible time."""
    for vocabulary in arguments.vocabulary:
        model = page_shape(vocabulary, "cpu")
        ids, rows = requested(8192, vocabulary)
        index = torch.as_tensor(rows)
        statistics = partial(RequestedRows(model, name="qwen2").statistics, ids[:-1], rows, ids[index + 1], K)
        ours, bare = alternately(arguments.repeats, statistics, partial(body_and_product, model, ids, index, 256))
        yield Row(
            f"time over the floor, 4 layers, V = {vocabulary}", f"L = 8192, {ACTIONS} actions, {len(rows)} wanted",
            f"**{ours / bare:.3f}** ({ours:.3g} s / {bare:.3g} s)", "<= 1.10", "floor",
        )  # fmt: skip


def memory(arguments: argparse.Namespace) -> Iterator[Row]:
    """Peak bytes of tensors in one pass, minus the peak of the body alone."""
    for vocabulary in arguments.vocabulary:
        model = page_shape(vocabulary, "cpu")
        scorer = RequestedRows(model, name="qwen2")
        for length, share in [*((length, "") for length in arguments.lengths), (2048, ", every row")]:
            ids, rows = requested(length, vocabulary)
            rows = np.arange(length - 1) if share else rows
            targets = ids[torch.as_tensor(rows) + 1]
            calls = (
                partial(hidden_states, model.model, ids),
                lambda s=scorer, i=ids, r=rows, t=targets: s.statistics(i[:-1], r, t, K),
            )
            size = f"L = {length}, {len(rows)} wanted"
            body, whole = (allocated(call) / MB for call in calls)
            yield Row(
                f"extra peak of tensors over the body, 4 layers, V = {vocabulary}, L = {length}{share}", size,
                f"**{whole - body:.2f} MB** ({whole:.1f} - {body:.1f}; with full logits "
                f"{2 * 4 * length * vocabulary / MB:.0f} more)", "<= 128 MB; flat within 10 % over L", "body alone",
            )  # fmt: skip


def long_text(arguments: argparse.Namespace) -> Iterator[Row]:
    """One pass over 131 072 tokens with a vocabulary of 152 K entries."""
    sizes = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 1}
    torch.manual_seed(0)
    model = LlamaConfig(vocab_size=151_936, max_position_embeddings=2**17, **sizes)
    model = AutoModelForCausalLM.from_config(model, dtype=torch.float32).eval()
    ids, rows = requested(2**17, 151_936)
    targets = ids[torch.as_tensor(rows) + 1]
    for budget, way in ((None, "default budget"), (GB, "mem_budget=1GiB")):
        scorer = RequestedRows(model, name="tiny", mem_budget=budget)
        if way != "default budget":
            scorer.budget.largest_chunk = 4096  # a body this small would always go in one call
        began = time.process_time()
        peak = growth(lambda s=scorer: s.statistics(ids[:-1], rows, targets, K))
        yield Row(
            f"131 072 tokens, V = 151 936, tiny body, {way}",
            f"{len(rows)} wanted, chunk: {scorer.plan(2**17)['chunk']}",
            f"runs, peak **{peak / GB:.2f} GB** ({time.process_time() - began:.0f} s)", "<= 4 GB",
            f"full logits twice: {2 * 4 * 2**17 * 151_936 / GB:.0f} GB",
        )  # fmt: skip


@torch.inference_mode()
def agreement(arguments: argparse.Namespace) -> Iterator[Row]:
    """Differences of one pass, of chunks and of windows from plain computations, on a real trajectory."""
    lm = HFTopK(device="cpu", max_length=2**17)
    ids, spans = tokens_of("mini_swe_agent_1/sympy__sympy-13480", lm, 0)
    ids = torch.as_tensor(ids)
    rows = np.arange(200, len(ids) - 1)
    targets = ids[rows + 1]
    scorer = RequestedRows(lm.model, name="tiny")
    full = lm.model(input_ids=ids[None, :-1], use_cache=False).logits[0]
    of_actions = np.concatenate([np.arange(start - 1, end - 1) for start, end in spans])
    in_one_call = []
    for which, some in (("", rows), (", actions alone", of_actions)):
        got = scorer.statistics(ids[:-1], some, ids[some + 1], K)
        in_one_call.append((some, got))
        wrong, worst = compare(got, full[some], ids[some + 1])
        yield Row(
            f"against the definitions, tiny model{which}: max difference of logprob, entropy",
            f"{len(ids)} tokens, {len(some)} wanted",
            f"**{worst['logprob']:.0e}, {worst['entropy']:.0e}**; {wrong} ranks differ outside ties",
            "<= 1e-5, <= 1e-5, 0", "definitions",
        )  # fmt: skip
    for chunk, when in ((2048, ""), (512, ""), (256, ", the smallest, used only after running out of memory")):
        scorer.budget.largest_chunk = chunk
        differences = [apart(scorer.statistics(ids[:-1], some, ids[some + 1], K), got) for some, got in in_one_call]
        yield Row(
            f"chunks of {chunk} against one call{when}", f"{len(ids)} tokens", f"**{max(differences):.0e}**",
            "<= 1e-5", "one call",
        )  # fmt: skip
    scorer = RequestedRows(lm.model, name="tiny")
    in_windows = [
        scorer.statistics(ids[w.start : w.end - 1], w.positions - w.start - 1, ids[w.positions], K)
        for w in plan_windows(rows + 1, 2048, 1024)
    ]
    got = type(got)(*(torch.cat(column) for column in zip(*in_windows, strict=True) if column[0] is not None))
    wrong, worst = compare(got, naive_windows(lm.model, ids, rows, 2048, 1024), targets)
    yield Row(
        "windows of 2048 by 1024 against a naive loop over windows: max difference of logprob, entropy",
        f"{len(ids)} tokens",
        f"**{worst['logprob']:.0e}, {worst['entropy']:.0e}**; {wrong} ranks differ outside ties", "<= 1e-5, <= 1e-5, 0",
        "full logits of each window",
    )  # fmt: skip
    rows = rows[rows < 3000]
    exact = lm.model.double()(input_ids=ids[None, :3000], use_cache=False).logits[0][rows]
    exact = torch.log_softmax(exact, -1).gather(1, targets[: len(rows), None]).squeeze(1)
    yield Row(
        "for scale: logprobs of one call in float32 against the model itself in float64", "3000 tokens",
        f"{float((in_one_call[0][1].logprob[: len(rows)] - exact).abs().max()):.0e}", "", "float64 model",
    )  # fmt: skip


def architectures(arguments: argparse.Namespace) -> Iterator[Row]:
    """The result of `architectures.py`, run in a separate process."""
    sweep = [sys.executable, str(Path(__file__).parent / "architectures.py")]
    lines = subprocess.run(sweep, capture_output=True, text=True, check=True).stdout.splitlines()
    yield Row(
        "agreement with full float32 logits on every architecture that a tiny configuration can build", "97 tokens",
        f"**{lines[-1]}** ({lines[-2]})", "0 silently wrong, logprob and entropy <= 1e-5", "definitions",
    )  # fmt: skip


@torch.inference_mode()
def growth(call: Callable[[], Any]) -> int:
    """Growth of the peak resident set during the call, in bytes."""
    before = from_here()
    call()
    return resident("VmHWM") - before


def from_here() -> int:
    """Resident bytes now. The peak is reset to it."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    return resident("VmRSS")


def resident(key: str) -> int:
    """Bytes of an entry of this process's memory status (Linux)."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(key))
    return int(line.split()[1]) * 1024


def apart(a: Any, b: Any) -> float:
    """The largest difference of logprob, entropy or top mass."""
    return max(float((getattr(a, key) - getattr(b, key)).abs().max()) for key in ("logprob", "entropy", "top_mass"))


def naive_windows(model: Any, ids: torch.Tensor, rows: np.ndarray, window: int, stride: int) -> torch.Tensor:
    """(R, V) logits of the rows, from a loop over whole windows. Each window adds the rows that are still missing."""
    found: dict[int, torch.Tensor] = {}
    start = done = 0
    while done < len(ids):
        logits = model(input_ids=ids[None, start : start + window], use_cache=False).logits[0]
        for position in range(max(done, 1), min(start + window, len(ids))):
            found[position] = logits[position - 1 - start]
        done, start = start + window, start + stride
    return torch.stack([found[row + 1] for row in rows.tolist()])


if __name__ == "__main__":
    main()
