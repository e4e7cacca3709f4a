"""What the benchmarks of scoring have in common: models, texts, time, memory, and the definitions to compare with."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile
from transformers import AutoModelForCausalLM, Qwen2Config

from benchmarks.repository import ROOT
from lm_eval_hesnr.labelling.render import transcript
from lm_eval_hesnr.labels import Label
from lm_eval_hesnr.models.hf import HFTopK
from lm_eval_hesnr.scoring.tokens import TrajectoryTokenizer
from lm_eval_hesnr.trajectories.load import load_trajectories

REAL = ROOT.parent / "shared" / "trajectories"
ACTIONS, WANTED, K = 79, 0.15, 10


def page_shape(vocabulary: int, device: str) -> Any:
    """Four layers of Qwen2.5-0.5B with random weights, in float32, on a GPU in bfloat16."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 4, "num_attention_heads": 14}
    config = Qwen2Config(
        vocab_size=vocabulary, num_key_value_heads=2, max_position_embeddings=2**17, tie_word_embeddings=False, **sizes
    )
    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    return AutoModelForCausalLM.from_config(config, dtype=dtype).to(device).eval()


def requested(length: int, vocabulary: int) -> tuple[torch.Tensor, np.ndarray]:
    """Random ids, and the rows of 79 actions that end at equal distances and are 15 % of all rows."""
    ids = torch.randint(vocabulary, (length,), generator=torch.Generator().manual_seed(1))
    n_each = int(WANTED * length / ACTIONS)
    ends = (np.arange(1, ACTIONS + 1) * length // ACTIONS) - 1
    return ids, np.concatenate([np.arange(end - n_each, end) for end in ends])


def tokens_of(name: str, lm: HFTopK, most: int) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """A real trajectory's ids and the span of each action. Observations are cut to `most` characters (0: not cut)."""
    (trajectory,) = load_trajectories(REAL / name, strict=True).trajectories
    for segment in trajectory.segments:
        if most and segment.kind == "observation":
            object.__setattr__(segment, "text", segment.text[:most])
    rendering = transcript(trajectory)
    ids, start, _ = TrajectoryTokenizer(lm.tokenizer, name="tiny")(rendering.text, None)
    inside = ~np.isin(rendering.labels, [int(Label[kind]) for kind in ("THOUGHT", "OBSERVATION", "TEMPLATE", "OTHER")])
    inside[: rendering.context_end] = False
    of_action = np.concatenate([[False], inside[np.minimum(start, len(inside) - 1)], [False]])
    edges = np.flatnonzero(np.diff(of_action.astype(int)))
    return ids, [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


@torch.inference_mode()
def hidden_states(body: Any, ids: torch.Tensor) -> torch.Tensor:
    """(T - 1, d) hidden states of all ids but the last, which are the head's input."""
    found: torch.Tensor = body(input_ids=ids[None, :-1], use_cache=False).last_hidden_state[0]
    return found


@torch.inference_mode()
def mostly_likely(body: Any, head: torch.nn.Linear, ids: torch.Tensor) -> torch.Tensor:
    """(T - 1,) targets of a head with random weights, of which four of five are the most likely token.

    In a real text, too, few targets are outside the candidates. The rank of such a target needs one more reading.
    """
    hidden = hidden_states(body, ids)
    likely = torch.cat([head(block).argmax(-1) for block in hidden.split(256)])
    return torch.where(torch.arange(len(likely), device=ids.device) % 5 > 0, likely, ids[1:])


def body_and_product(model: Any, ids: torch.Tensor, index: torch.Tensor, n_rows: int) -> None:
    """The floor: the body over all rows, and a plain product of the requested rows with the head, in blocks."""
    product(hidden_states(model.model, ids)[index], model.lm_head.weight, n_rows)


def product(hidden: torch.Tensor, weight: torch.Tensor, n_rows: int) -> None:
    """The plain product of (R, d) hidden states with the head's (V, d) weights, each block in new memory."""
    for block in hidden.split(n_rows):
        block @ weight.T


def alternately(repeats: int, *calls: Callable[[], Any]) -> list[float]:
    """Median seconds of each call."""
    return [statistics.median(each) for each in seconds_of(repeats, *calls).tolist()]


def seconds_of(repeats: int, *calls: Callable[[], Any]) -> np.ndarray:
    """(calls, repeats) seconds: CPU time, or wall time with a GPU or several threads.

    The calls alternate, every second time in the opposite order. There is no warm-up run.
    """
    has_gpu = torch.cuda.is_initialized()

    def now() -> float:
        if has_gpu:
            torch.cuda.synchronize()
        return time.perf_counter() if has_gpu or torch.get_num_threads() > 1 else time.process_time()

    seconds: list[list[float]] = [[] for _ in calls]
    with torch.inference_mode():
        for i in range(repeats):
            for which in range(len(calls))[:: 1 if i % 2 == 0 else -1]:
                began = now()
                calls[which]()
                seconds[which].append(now() - began)
    return np.array(seconds)


def timed(repeats: int, *calls: Callable[[], Any]) -> list[float]:
    """Median seconds of each call, after a first call that is not counted."""
    alternately(1, *calls)
    return alternately(repeats, *calls)


def copied_per_second(n_bytes: int, device: str, repeats: int) -> float:
    """Bytes that are copied per second. Each is read once and written once."""
    source = torch.ones(n_bytes // 4, device=device)
    target = torch.empty_like(source)
    (seconds,) = timed(repeats, lambda: target.copy_(source))
    return n_bytes / seconds


@torch.inference_mode()
def allocated(call: Callable[[], Any]) -> int:
    """Peak bytes of the tensors that the call creates. It is exact: the allocator has no influence."""
    if torch.cuda.is_initialized():
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        call()
        return torch.cuda.max_memory_allocated() - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as watched:
        call()
    events = [event for event in watched.profiler.kineto_results.events() if event.name() == "[memory]"]
    return int(np.cumsum([event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())]).max())


def compare(got: Any, logits: torch.Tensor, targets: torch.Tensor) -> tuple[int, dict[str, float]]:
    """The number of ranks that differ outside ties, and the largest errors against the definitions."""
    wrong, worst = 0, {"logprob": 0.0, "entropy": 0.0}
    for i in range(0, len(logits), 512):
        wide, part = logits[i : i + 512].double(), [column[i : i + 512] for column in got if column is not None]
        target = wide.gather(1, targets[i : i + 512, None])
        mass = torch.softmax(wide, -1).sort(-1, descending=True).values[:, :K]
        q = mass / mass.sum(-1, keepdim=True)
        expected = torch.log_softmax(wide, -1).gather(1, targets[i : i + 512, None]).squeeze(1), -(q * q.log()).sum(-1)
        for key, column, right in zip(worst, part, expected, strict=False):
            worst[key] = max(worst[key], float((column - right).abs().max()))
        low, high = 1 + (wide > target + 1e-5).sum(-1), (wide > target - 1e-5).sum(-1)
        wrong += int(((part[2] < low) | (part[2] > high)).sum())
    return wrong, worst
