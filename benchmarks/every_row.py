"""The part `all_rows` of `scoring.py`: one pass over a real text with every row requested, and where its time goes.

Floors: the body's forward pass, and the plain product of all hidden states with the head: in blocks of 256 rows, each
in new memory, as the model itself would compute them; or, as the fastest product that we know, in blocks of 512 rows in
one buffer. A random head has the size that is asked for. Four of five of its targets are the most likely token, as in a
real text: the rank of a target outside the candidates costs more.
"""

from __future__ import annotations

import argparse
import resource
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lm_eval.utils import simple_parse_args_string
from torch.profiler import ProfilerActivity, profile, record_function

import lm_eval_hesnr
from benchmarks.measuring import K, copied_per_second, hidden_states, mostly_likely, product, seconds_of, tokens_of
from benchmarks.readme_table import Row
from lm_eval_hesnr.models.hf import HFTopK
from lm_eval_hesnr.models.torch_engine.forward import RequestedRows
from lm_eval_hesnr.models.torch_engine.topk import statistics_of_groups

TEXT = "mini_swe_agent_1/sympy__sympy-13480"
_PLAIN_ROWS, _FASTEST_ROWS = 256, 512
_GROUPS = {
    "product": ("mm", "addmm", "matmul", "linear"), "exponentials": ("exp", "exp2"), "sums": ("sum",),
    "maxima": ("amax", "max"), "candidates": ("topk", "sort", "gather", "index", "cat", "where"),
    "differences and multiples": ("sub", "mul", "add", "div"), "ranks": ("gt", "lt", "nonzero", "index_select"),
    "copies": ("copy", "_to_copy", "clone", "empty", "fill", "zero"),
}  # fmt: skip
"""Names of PyTorch's operations to what they are for in the statistics."""


def all_rows(arguments: argparse.Namespace) -> Iterator[Row]:
    """Time relative to both floors: the median of the ratios of each repeat, and their range."""
    if not arguments.model_args:
        return
    torch.set_num_threads(arguments.threads)
    print(f"code: {Path(lm_eval_hesnr.__file__).parent}", flush=True)
    lm = HFTopK(device="cpu", **simple_parse_args_string(arguments.model_args))
    ids = torch.as_tensor(tokens_of(arguments.text, lm, 0)[0][: arguments.tokens + 1])
    own, n = lm.model.get_output_embeddings(), len(ids) - 1
    for vocabulary in arguments.heads:
        head = _random_head(own, vocabulary, lm.model.dtype) if vocabulary else own
        lm.model.set_output_embeddings(head)
        targets = mostly_likely(lm.model.model, head, ids) if vocabulary else ids[1:]
        scorer = RequestedRows(lm.model, name=lm.model_name)
        ours = partial(scorer.statistics, ids[:-1], np.arange(n), targets, K)
        calls = (ours, *_floors(partial(hidden_states, lm.model.model, ids), head.weight))
        seconds_of(1, *calls)
        seconds = seconds_of(arguments.repeats, *calls)  # (3, repeats)
        yield _row(lm, scorer, seconds, n, len(head.weight), arguments.threads)
        hidden = hidden_states(lm.model.model, ids)
        print(f"  {_without_body(scorer, hidden, targets, 3 * arguments.repeats)}", flush=True)
        print(f"  {_where_time_goes(lm.model, ours)}", flush=True)


def _random_head(like: Any, vocabulary: int, dtype: torch.dtype) -> torch.nn.Linear:
    torch.manual_seed(0)
    return torch.nn.Linear(like.in_features, vocabulary, bias=False, dtype=dtype)


def _floors(hidden: Callable[[], torch.Tensor], weight: torch.Tensor) -> tuple[Callable[[], None], Callable[[], None]]:
    """The plain product of what `hidden` returns, and the fastest one."""

    def fastest() -> None:
        buffer = torch.empty(_FASTEST_ROWS, len(weight), dtype=weight.dtype)
        for block in hidden().split(_FASTEST_ROWS):
            torch.mm(block, weight.T, out=buffer[: len(block)])

    return lambda: product(hidden(), weight, _PLAIN_ROWS), fastest


def _without_body(scorer: RequestedRows, hidden: torch.Tensor, targets: torch.Tensor, repeats: int) -> str:
    """The same ratios without the body, whose time varies by more than the statistics take."""
    head = scorer.capabilities.head
    if head is None:
        return "without the body: not measured, the head cannot run separately"
    weight = scorer.model.get_output_embeddings().weight
    calls = (
        lambda: statistics_of_groups(head.blocks(hidden, scorer.budget.rows), targets, K),
        *_floors(lambda: hidden, weight),
    )
    seconds_of(1, *calls)
    seconds = seconds_of(repeats, *calls)
    ours, plain, fastest = np.median(seconds, axis=1)
    return (
        f"without the body: {_ratios(seconds[0] / seconds[1])} of the plain product, "
        f"{_ratios(seconds[0] / seconds[2])} of the fastest (median times of {repeats} repeats: "
        f"ours {ours:.3g} s, plain {plain:.3g} s, fastest {fastest:.3g} s)"
    )


def _row(lm: HFTopK, scorer: RequestedRows, seconds: np.ndarray, n: int, vocabulary: int, threads: int) -> Row:
    ours, plain, fastest = np.median(seconds, axis=1)
    name = f"{Path(lm.model_name).name}, {lm.signature['dtype']}, V = {vocabulary}"
    head = scorer.capabilities.head
    itemsize = 4 if head is not None and head.is_wide else lm.model.dtype.itemsize
    weights = lm.model.dtype.itemsize * lm.model.get_output_embeddings().weight.numel() * -(-n // scorer.budget.rows)
    n_bytes = 2 * n * vocabulary * itemsize + weights
    limit = n_bytes / (2 * copied_per_second(2**29, "cpu", 5))
    return Row(
        f"time over the floor, every row, {name}", f"L = {n}, every row, {threads} threads",
        f"**{_ratios(seconds[0] / seconds[1])} of the floor**; {_ratios(seconds[0] / seconds[2])} of the floor with "
        f"the fastest product (median times: ours {ours:.3g} s, plain {plain:.3g} s, fastest {fastest:.3g} s)",
        "<= 1.05", f"floors. The logits written and read once, and the head's weights read once per block, are "
        f"{n_bytes / 1e9:.1f} GB: {limit:.2f} s, {limit / plain:.1%} of the floor",
    )  # fmt: skip


def _ratios(found: np.ndarray) -> str:
    return f"{np.median(found):.3f} ({found.min():.3f} to {found.max():.3f})"


def _where_time_goes(model: Any, ours: Callable[[], Any]) -> str:
    """The profile of one pass, and its pages of new memory."""
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    ours()  # not the profiled pass: the profiler takes new memory, too
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
    found = _profile(ours, model.model)
    parts = [f"{name} {us / sum(found.values()):.1%}" for name, us in found.most_common()]
    return f"profile: {', '.join(parts)}; {faults:,} page faults"


@torch.inference_mode()
def _profile(call: Callable[[], Any], body: torch.nn.Module) -> Counter[str]:
    """Group of operations to CPU time of one thread, microseconds. What the body calls is one group."""
    marks: list[record_function] = []
    hooks = [
        body.register_forward_pre_hook(lambda *_: marks.append(record_function("body").__enter__())),
        body.register_forward_hook(lambda *_: marks.pop().__exit__(None, None, None)),
    ]
    try:
        with profile(activities=[ProfilerActivity.CPU]) as watched:
            call()
    finally:
        for hook in hooks:
            hook.remove()
    found: Counter[str] = Counter()
    for event in watched.events():
        name = event.name.removeprefix("aten::").rstrip("_")
        group = next((group for group, names in _GROUPS.items() if name in names), "rest")
        found["body" if _is_inside("body", event) else group] += event.self_cpu_time_total
    return found


def _is_inside(name: str, event: Any) -> bool:
    while event is not None and event.name != name:
        event = event.cpu_parent
    return event is not None
