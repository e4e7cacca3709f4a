"""The measurements of `benchmarks/gpu.py`, which starts one process per part: `python -m benchmarks.gpu_parts PART`.

Each row is printed as soon as it is measured. Times on a GPU are wall times after the work on the GPU is done.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
import transformers
from transformers import AutoModelForCausalLM, Qwen2Config

from benchmarks.gpu_plan import FULL, TINY, Measured, Part, Shapes
from benchmarks.gpu_processes import processes
from benchmarks.measuring import (
    K,
    allocated,
    alternately,
    body_and_product,
    compare,
    copied_per_second,
    hidden_states,
    mostly_likely,
    page_shape,
    requested,
    timed,
    tokens_of,
)
from benchmarks.speedup import BothWays
from lm_eval_hesnr.assets import TRAJECTORIES
from lm_eval_hesnr.metrics.edges import EPSILON
from lm_eval_hesnr.metrics.measures import measures
from lm_eval_hesnr.metrics.profile import EntropyProfile
from lm_eval_hesnr.models.hf import HFTopK
from lm_eval_hesnr.models.torch_engine.capabilities import find_capabilities
from lm_eval_hesnr.models.torch_engine.forward import RequestedRows
from lm_eval_hesnr.models.torch_engine.topk import RowStatistics

GIB = 2**30


def main() -> None:
    """Run one part and print its rows."""
    parts: dict[str, Callable[[Part], Iterator[Measured]]] = {
        "machine": machine, "floor": floor, "large": large, "stock": stock, "head": head, "attention": attention,
        "processes": processes,
    }  # fmt: skip
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=parts)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--until", type=float, default=time.time() + 600, help="seconds since 1970: it is stopped then")
    arguments = parser.parse_args()
    shapes = TINY if arguments.tiny else FULL
    transformers.logging.set_verbosity_error()
    if shapes.device == "cuda":
        torch.cuda.init()  # the helpers of measuring.py then use wall times and the GPU's memory
        device = torch.cuda.get_device_name()
    else:
        torch.set_num_threads(1)
        device = "CPU"
    versions = f"torch {torch.__version__}, transformers {transformers.__version__}"
    print("MACHINE", json.dumps(f"{device}, Python {sys.version.split()[0]}, {versions}"), flush=True)
    for row in parts[arguments.part](Part(arguments.part, shapes, arguments.until)):
        print("ROW", json.dumps(row), flush=True)


def machine(part: Part) -> Iterator[Measured]:
    """What the device can do at most."""
    shapes = part.shapes
    speed = copied_per_second(shapes.copied, shapes.device, shapes.repeats)
    yield part.row(f"{shapes.copied / GIB:.3g} GiB", f"**{2 * speed / 1e12:.3g} TB/s** read and written")
    n = shapes.product
    a, b = (torch.randn(n, n, device=shapes.device, dtype=torch.bfloat16) for _ in range(2))
    (seconds,) = timed(shapes.repeats, lambda: a @ b)
    yield part.row(f"{n} x {n} x {n}", f"**{2 * n**3 / seconds / 1e12:.3g} TFLOP/s**")


def floor(part: Part) -> Iterator[Measured]:
    """Time of one pass, relative to the body and a plain product with the head in blocks of the same size."""
    shapes = part.shapes
    speed = 2 * copied_per_second(shapes.copied, shapes.device, shapes.repeats)
    for vocabulary in shapes.vocabularies:
        model = page_shape(vocabulary, shapes.device)
        scorer = RequestedRows(model, name="qwen2")
        ids, some = requested(shapes.length, vocabulary)
        ids = ids.to(shapes.device)
        every = mostly_likely(model.model, model.lm_head, ids)
        for rows in (some, np.arange(len(ids) - 1)):
            index = torch.as_tensor(rows, device=shapes.device)
            ours, bound = timed(
                shapes.repeats,
                partial(scorer.statistics, ids[:-1], rows, every[index], K),
                partial(body_and_product, model, ids, index, scorer.budget.rows),
            )
            once = 4 * len(rows) * vocabulary / speed
            yield part.row(
                f"L = {len(ids)}, {len(rows)} wanted",
                f"**{ours / bound:.3f}** ({1e3 * ours:.3g} ms / {1e3 * bound:.3g} ms; reading the logits once "
                f"{1e3 * once:.2g} ms)",
            )


def large(part: Part) -> Iterator[Measured]:
    """Memory and time of one pass of a large model, relative to its body alone.

    For each length, the peaks come first, because they need one pass each. The times are medians of as many passes as
    fit into this length's share of the time that is left, and of at least one.
    """
    shapes, lengths = part.shapes, part.shapes.large_lengths
    torch.manual_seed(0)
    config = Qwen2Config(max_position_embeddings=2**17, tie_word_embeddings=False, **shapes.large)
    with torch.device(shapes.device):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).eval()
    scorer, vocabulary = RequestedRows(model, name="large"), shapes.large["vocab_size"]
    for i, length in enumerate(lengths):
        end = time.time() + 0.9 * part.left * length / sum(lengths[i:])
        ids, some = requested(length, vocabulary)
        ids = ids.to(shapes.device)
        every = mostly_likely(model.model, model.lm_head, ids)
        began = time.time()
        calls: list[Callable[[], object]] = [partial(hidden_states, model.model, ids)]
        of_body = allocated(calls[0]) / GIB
        sizes = []
        for rows in (some, np.arange(length - 1)):
            calls.append(partial(scorer.statistics, ids[:-1], rows, every[torch.as_tensor(rows, device=ids.device)], K))
            peak = allocated(calls[-1]) / GIB
            sizes.append(f"L = {length}, V = {vocabulary}, {len(rows)} wanted")
            yield part.row(
                sizes[-1],
                f"**{peak - of_body:.2f} GiB** ({peak:.2f} - {of_body:.2f}; full logits in bfloat16 "
                f"{2 * length * vocabulary / GIB:.1f} more)",
            )
        if shapes.device == "cuda":
            torch.cuda.synchronize()
        first = time.time() - began  # of all calls once, which are slower than later ones
        repeats = max(min(int((end - time.time()) / first), shapes.repeats), 1)
        body, *ours = alternately(repeats, *calls)
        for size, seconds in zip(sizes, ours, strict=True):
            yield part.row(
                f"{size}; median of {repeats}",
                f"**{seconds / body:.3f}** ({seconds:.3g} s / {body:.3g} s; {length / seconds:,.0f} tokens/s)",
            )


def stock(part: Part) -> Iterator[Measured]:
    """`hf-topk` against stock `hf`, the definitions and the CPU, on an embedded run."""
    shapes = part.shapes
    lm, ids, spans = embedded(shapes, "float32")
    scorer = RequestedRows(lm.model, name="tiny")
    both = BothWays(lm, scorer, ids, spans)
    rows, targets = both.rows, both.targets
    alternately(1, both.one_pass)  # the first call is slower
    ours, theirs = alternately(max(shapes.repeats // 2, 1), both.one_pass, both.stock)
    size = f"{len(spans)} actions, {len(ids)} tokens, {len(rows)} wanted"
    yield part.row(
        size, f"**{theirs / ours:.1f}** ({theirs:.3g} s / {ours:.3g} s; sums differ by <= {both.difference():.0e})"
    )
    with torch.inference_mode():
        logits = lm.model(input_ids=ids[None, :-1], use_cache=False).logits[0][torch.as_tensor(rows, device=ids.device)]
    wrong, apart = compare(both.ours[:3], logits, targets)
    yield part.row(size, f"**{apart['logprob']:.0e}, {apart['entropy']:.0e}**; {wrong} ranks differ outside ties")
    on_cpu = RequestedRows(copy.deepcopy(lm.model).to("cpu"), name="tiny")
    other = on_cpu.statistics(ids[: rows[-1] + 1].cpu(), rows, targets.cpu(), K)
    yield part.row(size, difference(both.ours, other))


def head(part: Part) -> Iterator[Measured]:
    """How far the numbers of a 16-bit model depend on the precision of its head, and of everything."""
    lm, ids, _ = embedded(part.shapes, "bfloat16")
    rows = np.arange(200, len(ids) - 1)
    found = {}
    for is_free in (True, False):
        scorer = RequestedRows(
            lm.model, name="tiny", capabilities=find_capabilities(lm.model, "tiny", float32_is_free=is_free)
        )
        expected = "float32" if is_free else "native"
        if (used := scorer.plan(len(ids))["head"]) != expected:
            raise RuntimeError(f"the head is {used}, expected {expected}")
        found[is_free] = scored(scorer, ids, rows)
    size = f"{len(ids)} tokens, {len(rows)} wanted"
    yield part.row(size, difference(found[True], found[False]))
    both = [summary_of(found[is_free]) for is_free in (False, True)]
    yield part.row(size, "; ".join(f"{name} {both[0][name]:.5g} -> {both[1][name]:.5g}" for name in both[0]))
    whole, _, _ = embedded(part.shapes, "float32")
    yield part.row(size, difference(found[True], scored(RequestedRows(whole.model, name="tiny"), ids, rows)))


def attention(part: Part) -> Iterator[Measured]:
    """Whether the last attention computes all rows."""
    ways = {}
    for dtype in ("float32", "bfloat16"):
        lm, ids, _ = embedded(part.shapes, dtype)
        ways[dtype] = RequestedRows(lm.model, name="tiny").plan(len(ids))["last_attention"]
    yield part.row("embedded model", "; ".join(f"**{way}** in {dtype}" for dtype, way in ways.items()))


def embedded(shapes: Shapes, dtype: str) -> tuple[HFTopK, torch.Tensor, list[tuple[int, int]]]:
    """The embedded model, an embedded run's token ids on the device, and the span of each action."""
    lm = HFTopK(device=shapes.device, dtype=dtype, max_length=2**17)
    lines = TRAJECTORIES.read_text(encoding="utf-8").split("\n")
    (line,) = (line for line in lines if line and json.loads(line)["id"] == shapes.sample)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.jsonl"
        path.write_text(line + "\n", encoding="utf-8")
        ids, spans = tokens_of(str(path), lm, 0)
    return lm, torch.as_tensor(ids, device=shapes.device), spans


def scored(scorer: RequestedRows, ids: torch.Tensor, rows: np.ndarray) -> RowStatistics:
    """The statistics of the tokens after the rows."""
    return scorer.statistics(ids[:-1], rows, ids[torch.as_tensor(rows, device=ids.device) + 1], K)


def difference(a: RowStatistics, b: RowStatistics) -> str:
    """How far two sets of statistics are apart, and how many tokens are a decision in only one of them."""
    parts = []
    for name in ("logprob", "entropy"):
        apart = (getattr(a, name).double().cpu() - getattr(b, name).double().cpu()).abs().numpy()
        parts.append(f"{name} **{apart.max():.1g}** (mean {apart.mean():.1g}, 99 % {np.quantile(apart, 0.99):.1g})")
    first, second = decisions(a), decisions(b)
    return f"{', '.join(parts)}; {int((first ^ second).sum())} of {int(second.sum())} decisions change"


def decisions(found: RowStatistics) -> np.ndarray:
    """Whether each token is a decision."""
    return ((found.entropy > EPSILON) & (found.rank <= K)).cpu().numpy()


def summary_of(found: RowStatistics) -> dict[str, float]:
    """he_snr, ppl and the number of decisions of all these tokens."""
    columns = [column.cpu().numpy() for column in found[:4]]
    values = measures([EntropyProfile.of_tokens(*columns, k=K)], EPSILON)
    return {name: values[name] or float("nan") for name in ("he_snr", "ppl", "decisions")}


if __name__ == "__main__":
    main()
