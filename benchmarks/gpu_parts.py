"""The measurements of `benchmarks/gpu.py`, which starts one process per part: `python -m benchmarks.gpu_parts PART`.

Each row is printed as soon as it is measured. Times on a GPU are wall times after the work on the GPU is done.
"""

from __future__ import annotations

import argparse
import copy
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from lm_eval.models.huggingface import HFLM
from transformers import AutoModelForCausalLM, Qwen2Config

from benchmarks.gpu import FULL, TINY, Measured, Shapes, planned
from benchmarks.scoring import K, allocated, alternately, compare, page_shape, requested, tokens_of
from lm_eval_hesnr.assets import TRAJECTORIES
from lm_eval_hesnr.metrics.edges import EPSILON
from lm_eval_hesnr.metrics.measures import measures
from lm_eval_hesnr.metrics.profile import EntropyProfile
from lm_eval_hesnr.models.hf import HFTopK
from lm_eval_hesnr.models.torch_engine.capabilities import find_capabilities
from lm_eval_hesnr.models.torch_engine.forward import RequestedRows
from lm_eval_hesnr.models.torch_engine.topk import RowStatistics

GIB = 2**30
MOST_SECONDS = 110
"""For one length in `large`."""
SAME = 1e-4
"""Relative difference up to which two results agree: block sizes depend on free memory, and change the rounding."""


class Part:
    """One part: its shapes, its limit, and the names of its rows in their order."""

    def __init__(self, name: str, shapes: Shapes, seconds: float) -> None:
        """Look up the names of the rows."""
        self.shapes, self.seconds, self.began = shapes, seconds, time.monotonic()
        self.names = iter([row.what for row in planned(shapes)[name]])

    def row(self, size: str, figure: str) -> Measured:
        """The next row."""
        return Measured(next(self.names), size, figure)

    @property
    def left(self) -> float:
        """Seconds until the limit."""
        return self.began + self.seconds - time.monotonic()


def main() -> None:
    """Run one part and print its rows."""
    parts: dict[str, Callable[[Part], Iterator[Measured]]] = {
        "machine": machine, "floor": floor, "large": large, "stock": stock, "head": head, "attention": attention,
        "processes": processes,
    }  # fmt: skip
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=parts)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--seconds", type=float, default=600)
    arguments = parser.parse_args()
    shapes = TINY if arguments.tiny else FULL
    transformers.logging.set_verbosity_error()
    if shapes.device == "cuda":
        torch.cuda.init()  # the helpers of scoring.py then use wall times and the GPU's memory
        device = torch.cuda.get_device_name()
    else:
        torch.set_num_threads(1)
        device = "CPU"
    versions = f"torch {torch.__version__}, transformers {transformers.__version__}"
    print("MACHINE", json.dumps(f"{device}, Python {sys.version.split()[0]}, {versions}"), flush=True)
    for row in parts[arguments.part](Part(arguments.part, shapes, arguments.seconds)):
        print("ROW", json.dumps(row), flush=True)


def machine(part: Part) -> Iterator[Measured]:
    """What the device can do at most."""
    yield part.row(
        f"{part.shapes.copied / GIB:.3g} GiB", f"**{bandwidth(part.shapes) / 1e12:.3g} TB/s** read and written"
    )
    n = part.shapes.product
    a, b = (torch.randn(n, n, device=part.shapes.device, dtype=torch.bfloat16) for _ in range(2))
    (seconds,) = timed(part.shapes.repeats, lambda: a @ b)
    yield part.row(f"{n} x {n} x {n}", f"**{2 * n**3 / seconds / 1e12:.3g} TFLOP/s**")


def bandwidth(shapes: Shapes) -> float:
    """Bytes per second that a copy reads and writes."""
    x = torch.randn(shapes.copied // 4, device=shapes.device)
    y = torch.empty_like(x)
    (seconds,) = timed(shapes.repeats, lambda: y.copy_(x))
    return 2 * shapes.copied / seconds


def floor(part: Part) -> Iterator[Measured]:
    """Time of one pass, relative to the body and a plain product with the head in blocks of the same size."""
    shapes = part.shapes
    speed = bandwidth(shapes)
    for vocabulary in shapes.vocabularies:
        model = page_shape(vocabulary, shapes.device)
        scorer = RequestedRows(model, name="qwen2")
        ids, some = requested(shapes.length, vocabulary)
        ids = ids.to(shapes.device)
        every = mostly_likely(model, ids)
        for rows in (some, np.arange(len(ids) - 1)):
            index = torch.as_tensor(rows, device=shapes.device)
            targets = every[index]

            def least(model: Any = model, ids: Any = ids, index: Any = index, n: int = scorer.budget.rows) -> None:
                hidden = model.model(input_ids=ids[None, :-1], use_cache=False).last_hidden_state[0][index]
                for block in hidden.split(n):
                    block @ model.lm_head.weight.T

            ours, bound = timed(shapes.repeats, partial(scorer.statistics, ids[:-1], rows, targets, K), least)
            once = 4 * len(rows) * vocabulary / speed
            yield part.row(
                f"L = {len(ids)}, {len(rows)} wanted",
                f"**{ours / bound:.3f}** ({1e3 * ours:.3g} ms / {1e3 * bound:.3g} ms; reading the logits once "
                f"{1e3 * once:.2g} ms)",
            )


def large(part: Part) -> Iterator[Measured]:
    """Time and memory of one pass of a large model, relative to its body alone."""
    shapes = part.shapes
    torch.manual_seed(0)
    config = Qwen2Config(max_position_embeddings=2**17, tie_word_embeddings=False, **shapes.large)
    with torch.device(shapes.device):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).eval()
    scorer, vocabulary = RequestedRows(model, name="large"), shapes.large["vocab_size"]
    for length in shapes.large_lengths:
        ids, some = requested(length, vocabulary)
        ids = ids.to(shapes.device)
        all_rows = (some, np.arange(length - 1))
        calls = [partial(model.model, input_ids=ids[None, :-1], use_cache=False)]
        every = mostly_likely(model, ids)
        for rows in all_rows:
            targets = every[torch.as_tensor(rows, device=ids.device)]
            calls.append(partial(scorer.statistics, ids[:-1], rows, targets, K))
        began = time.monotonic()
        peaks = [allocated(call) / GIB for call in calls]  # also the first, slower calls
        if shapes.device == "cuda":
            torch.cuda.synchronize()
        first = time.monotonic() - began
        repeats = max(min(int(MOST_SECONDS / first) - 1, shapes.repeats), 1)
        body, *ours = alternately(repeats, *calls)
        for rows, seconds, peak in zip(all_rows, ours, peaks[1:], strict=True):
            size = f"L = {length}, V = {vocabulary}, {len(rows)} wanted"
            yield part.row(
                f"{size}; median of {repeats}",
                f"**{seconds / body:.3f}** ({seconds:.3g} s / {body:.3g} s; {length / seconds:,.0f} tokens/s)",
            )
            yield part.row(
                size,
                f"**{peak - peaks[0]:.2f} GiB** ({peak:.2f} - {peaks[0]:.2f}; full logits in bfloat16 "
                f"{2 * length * vocabulary / GIB:.1f} more)",
            )


@torch.inference_mode()
def mostly_likely(model: Any, ids: torch.Tensor) -> torch.Tensor:
    """(T - 1,) targets of a model with random weights, of which four of five are the most likely token.

    In a real text, too, few targets are outside the candidates. The rank of such a target needs one more reading.
    """
    hidden = model.model(input_ids=ids[None, :-1], use_cache=False).last_hidden_state[0]
    likely = torch.cat([model.lm_head(block).argmax(-1) for block in hidden.split(256)])
    return torch.where(torch.arange(len(likely), device=ids.device) % 5 > 0, likely, ids[1:])


def stock(part: Part) -> Iterator[Measured]:
    """`hf-topk` against stock `hf`, the definitions and the CPU, on an embedded run."""
    shapes = part.shapes
    lm, ids, spans = embedded(shapes, "float32")
    scorer = RequestedRows(lm.model, name="tiny")
    rows = np.concatenate([np.arange(start - 1, end - 1) for start, end in spans])
    targets = ids[torch.as_tensor(rows, device=ids.device) + 1]
    listed = ids.tolist()
    requests = [(("", ""), listed[:start], listed[start:end]) for start, end in spans]
    answers: dict[str, Any] = {}

    def one_pass() -> None:
        answers["ours"] = scorer.statistics(ids[: rows[-1] + 1], rows, targets, K)

    def many() -> None:
        answers["stock"] = HFLM._loglikelihood_tokens(lm, requests, disable_tqdm=True)

    alternately(1, one_pass)  # the first call is slower
    ours, theirs = alternately(max(shapes.repeats // 2, 1), one_pass, many)
    logprobs = np.split(answers["ours"].logprob.double().cpu().numpy(), np.cumsum([b - a for a, b in spans])[:-1])
    worst = max(abs(own.sum() - other) for own, (other, _) in zip(logprobs, answers["stock"], strict=True))
    size = f"{len(spans)} actions, {len(ids)} tokens, {len(rows)} wanted"
    yield part.row(size, f"**{theirs / ours:.1f}** ({theirs:.3g} s / {ours:.3g} s; sums differ by <= {worst:.0e})")
    with torch.inference_mode():
        logits = lm.model(input_ids=ids[None, :-1], use_cache=False).logits[0][torch.as_tensor(rows, device=ids.device)]
    wrong, apart = compare(answers["ours"][:3], logits, targets)
    yield part.row(size, f"**{apart['logprob']:.0e}, {apart['entropy']:.0e}**; {wrong} ranks differ outside ties")
    on_cpu = RequestedRows(copy.deepcopy(lm.model).to("cpu"), name="tiny")
    other = on_cpu.statistics(ids[: rows[-1] + 1].cpu(), rows, targets.cpu(), K)
    yield part.row(size, difference(answers["ours"], other))


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


def processes(part: Part) -> Iterator[Measured]:
    """Two processes on one device: refused, or the same numbers as one process."""
    limit = 2 if part.shapes.device == "cpu" else 4
    command = ["-m", "lm_eval_hesnr", "--tasks", "swe_hesnr", "--model", "hf-topk", "--limit", str(limit)]
    command += ["--device", "cpu"] if part.shapes.device == "cpu" else []
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    one, seconds, log = command_result(command, 0.45 * part.left)
    if one is None:
        raise RuntimeError(f"one process has no result: {log}")
    two, seconds_of_two, log = command_result([*launcher, *command], 0.9 * part.left)
    size = f"{limit} embedded runs"
    if two is None:
        yield part.row(size, f"**{log or 'hangs'}** after {seconds_of_two:.0f} s")
        return
    keys = [key for key, value in one.items() if isinstance(value, float)]
    worst = max(abs(one[key] - two[key]) / max(abs(one[key]), 1e-9) for key in keys)
    verdict = "right" if worst <= SAME else "WRONG"
    times = f"{seconds_of_two:.0f} s; one process {seconds:.0f} s"
    yield part.row(size, f"**{verdict}**: {len(keys)} numbers differ by <= {worst:.0e} ({times})")


def command_result(command: list[str], limit: float) -> tuple[dict[str, Any] | None, float, str | None]:
    """The results of a command, None if it has none; its seconds; and what it said last, None if it did not end."""
    with tempfile.TemporaryDirectory() as folder:
        log, began = Path(folder) / "log", time.monotonic()
        with log.open("w") as file:
            process = subprocess.Popen(
                [sys.executable, *command, "--output_path", folder],
                stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
            )  # fmt: skip
            is_late = False
            try:
                process.wait(limit)
            except subprocess.TimeoutExpired:
                is_late = True
                process.send_signal(signal.SIGTERM)  # the launcher ends its processes
                with suppress(subprocess.TimeoutExpired):
                    process.wait(10)
                process.kill()
        seconds = time.monotonic() - began
        text = log.read_text(errors="replace")
        sys.stderr.write(text[-20_000:])
        paths = [] if process.returncode else list(Path(folder).rglob("results*.json"))
        found = json.loads(paths[0].read_text())["results"]["swe_hesnr"] if paths else None
        return found, seconds, None if is_late else reason(text)


def reason(log: str) -> str:
    """Whether a failed command was refused with a message or ended with a traceback, and the line that says why."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if "Duplicate GPU" in line] or [line for line in lines if "Error" in line]
    how = (
        "ends with a traceback"
        if any(line.endswith("Traceback (most recent call last):") for line in lines)
        else "refused"
    )
    return f"{how}: {(errors or lines or ['no message'])[0][:200]}"


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


def timed(repeats: int, *calls: Callable[[], Any]) -> list[float]:
    """Median seconds of each call, after a first call that is not counted."""
    alternately(1, *calls)
    return alternately(repeats, *calls)


if __name__ == "__main__":
    main()
