"""Statistics of the requested rows of logits from a causal LM of `transformers`. Other rows are not computed.

The model's body (all layers without the head) runs once over a window. Then the model's own head runs over the
requested rows, block by block. If the head cannot run separately, the model gets `logits_to_keep` with a 1-D index, and
applies its head to those rows only. A text that needs too much memory for one call is read in chunks through the
model's own KV cache. Each of these ways is used only if the test at load (`capabilities`) showed that it gives the
model's own full logits.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.models.torch_engine.capabilities import Capabilities, find_capabilities
from lm_eval_hesnr.models.torch_engine.head import input_device
from lm_eval_hesnr.models.torch_engine.last_attention import LastAttention
from lm_eval_hesnr.models.torch_engine.memory import SMALLEST_CHUNK, Budget, ModelShape, default_bytes, is_out_of_memory
from lm_eval_hesnr.models.torch_engine.rope import forget_longest
from lm_eval_hesnr.models.torch_engine.topk import RowStatistics, statistics_of_groups
from lm_eval_hesnr.scoring.statistics import NO_EXTRAS, Extras

eval_logger = logging.getLogger("lm_eval.hesnr")


class _RowsAreNeededError(Exception):
    """On this text, the last attention must compute all rows."""


class RequestedRows:
    """Runs one model over windows of tokens and returns the statistics of the requested rows."""

    def __init__(
        self,
        model: Any,
        *,
        name: str,
        mem_budget: int | None = None,
        capabilities: Capabilities | None = None,
        budget: Budget | None = None,
    ) -> None:
        """Test the model and plan its memory.

        Args:
            model: a causal LM of `transformers`, or a wrapper of one (PEFT).
            name: the model's name in messages.
            mem_budget: bytes that scoring may use in addition to the weights; if None, they depend on the free memory.
            capabilities: what the model can do; tested now if None.
            budget: block sizes; planned from `mem_budget` if None.

        Raises:
            InputError: the model does not support `logits_to_keep`.
        """
        self.model, self.name = model, name
        self.capabilities = capabilities or find_capabilities(model, name)
        self.device = input_device(model)
        self.on_cpu = self.device.type == "cpu"
        self.is_sharded = (getattr(model, "tp_size", None) or 1) > 1
        self.budget = budget or self._planned_budget(mem_budget)
        self._has_warned = False
        self._given_bytes = mem_budget
        """The user's mem_budget; None once a text needed more."""

    def _planned_budget(self, mem_budget: int | None) -> Budget:
        n_bytes = default_bytes(self.device) if mem_budget is None else mem_budget
        if self.is_sharded:
            n_bytes = _least_of_all(n_bytes, self.device)  # all processes must use the same block sizes
        shape, head = ModelShape.of(self.model, self.capabilities.vocabulary), self.capabilities.head
        itemsize = 0
        if head is not None and head.matrix is not None:
            itemsize = 4 if head.is_wide else shape.itemsize
        return Budget(shape, n_bytes, on_cpu=self.on_cpu, buffer_itemsize=itemsize)

    @property
    def needs_whole_text(self) -> bool:
        """Whether the model must read a window to its end, even if no token after the last target is scored."""
        return self.capabilities.needs_whole_text

    @property
    def n_virtual(self) -> int:
        """The number of virtual tokens of PEFT's prompt or prefix tuning, which take places in the context."""
        config_value = getattr(getattr(self.model, "active_peft_config", None), "num_virtual_tokens", None)
        return max(
            self.capabilities.shift, config_value or 0
        )  # a prefix is only in the cache, so it does not shift rows

    def all_ranks(self, own: bool) -> bool:
        """Whether `own` is true in every process of a tensor-parallel model."""
        return bool(_least_of_all(int(own), self.device)) if self.is_sharded else own

    def plan(self, n_tokens: int) -> dict[str, Any]:
        """The signature entries that describe how a window of `n_tokens` tokens is run."""
        head = self.capabilities.head
        return {
            "head": "logits_to_keep" if head is None else "float32" if head.matrix and head.is_wide else "native",
            "rows_per_block": self.budget.rows,
            "chunk": self._chunk(n_tokens, n_tokens) or "one call",
            "last_attention": "wanted rows" if self.capabilities.n_attentions else "all rows",
        }

    @torch.inference_mode()
    def statistics(
        self,
        ids: torch.Tensor,
        rows: np.ndarray,
        targets: torch.Tensor,
        k: int,
        on_read: Callable[[int], None] = lambda _: None,
        extras: Extras = NO_EXTRAS,
    ) -> RowStatistics:
        """Statistics of `targets` from the logits of `rows` of one window. Tries smaller blocks if memory runs out.

        Args:
            ids: (T,) int64 on the model's device; what the model reads.
            rows: (R,) int64, ascending, in [0, T): row r predicts the token after position r.
            targets: (R,) int64 on the model's device.
            k: size of the candidate set.
            on_read: called after each chunk with the number of tokens read, never if the window is read in one call;
                called with a negative number if they must be read again.
            extras: the optional statistics to compute.

        Raises:
            InputError: the device's memory is too small for the smallest blocks.
        """
        if k > self.capabilities.vocabulary:
            raise InputError(
                f"k={k}: {self.name} has a vocabulary of {self.capabilities.vocabulary}; choose a smaller k"
            )
        self._warn_of_small_budget(len(ids))
        while True:
            n_read = 0

            def _count(n: int) -> None:
                nonlocal n_read
                n_read += n
                on_read(n)

            try:
                return self._statistics(ids, rows, targets, k, _count, extras)
            except _RowsAreNeededError:
                change = self._leave_nothing_out
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if self.is_sharded:  # the other processes wait for this one and use the old block size
                    raise InputError(
                        f"{self.name}: out of memory on {self.device} over {len(ids)} tokens; give a smaller "
                        "mem_budget= in --model_args, or use more processes"
                    ) from error
                change = self._shrink
            on_read(-n_read)
            change(len(ids))  # not in the except block: its traceback would keep the large tensors alive

    def least_bytes(self, n_tokens: int) -> int:
        """The smallest number of bytes for a text of n tokens, in addition to the weights."""
        return self.budget.least(n_tokens, can_chunk=self.capabilities.chunks_agree)

    def _warn_of_small_budget(self, n_tokens: int) -> None:
        if self._given_bytes is None:
            return
        least = self.least_bytes(n_tokens)
        if least > self._given_bytes:
            eval_logger.warning(
                "mem_budget=%d bytes is too small: %s uses about %d bytes, the minimum for %d tokens with the "
                "smallest blocks",
                self._given_bytes, self.name, least, n_tokens,
            )  # fmt: skip
            self._given_bytes = None

    def _statistics(
        self,
        ids: torch.Tensor,
        rows: np.ndarray,
        targets: torch.Tensor,
        k: int,
        on_read: Callable[[int], None],
        extras: Extras,
    ) -> RowStatistics:
        forget_longest(self.model)
        whole = statistics_of_groups(self._logits(ids, rows, on_read), targets, k, extras)
        if self.capabilities.n_attentions and not bool(whole.logprob.isfinite().all()):
            raise _RowsAreNeededError  # if the model itself computes NaN, the next attempt fails too
        return whole

    def _leave_nothing_out(self, n_tokens: int) -> None:
        self.capabilities = replace(self.capabilities, n_attentions=0)
        eval_logger.warning(
            "%s: in a text of %d tokens, requested rows depend on rows that the last attention left out (in the test "
            "at load they did not); continuing with all rows", self.name, n_tokens,
        )  # fmt: skip

    def _shrink(self, n_tokens: int) -> None:
        if not self.budget.halve(n_tokens, can_chunk=self.capabilities.chunks_agree):
            raise InputError(
                f"{self.name}: out of memory on {self.device} over {n_tokens} tokens even with the smallest "
                "blocks; use a smaller max_length=, a 16-bit dtype= or a device with more memory"
            )
        if not self.on_cpu:
            torch.cuda.empty_cache()
        if not self._has_warned:
            eval_logger.warning(
                "%s: out of memory over %d tokens; continuing with %d rows per block and %s tokens per call, and "
                "smaller blocks if it happens again (mem_budget= in --model_args sets the first size)",
                self.name, n_tokens, self.budget.rows, self._chunk(n_tokens, n_tokens) or n_tokens,
            )  # fmt: skip
        self._has_warned = True

    def _chunk(self, n_tokens: int, n_rows: int) -> int | None:
        """Tokens per call; None for all tokens in one call without a cache."""
        if not self.capabilities.chunks_agree:
            return None
        chunk = self.budget.chunk(n_tokens)
        if self.capabilities.head is None and n_rows > self.budget.rows_per_call:
            return min(max(self.budget.rows_per_call, SMALLEST_CHUNK), chunk or n_tokens)
        return chunk

    def _logits(self, ids: torch.Tensor, rows: np.ndarray, on_read: Callable[[int], None]) -> Iterator[torch.Tensor]:
        """Yield (R', V) logits of consecutive groups of rows, R rows in all. The next ones may overwrite them."""
        chunk = self._chunk(len(ids), len(rows))
        if chunk is None and self.capabilities.head is None and len(rows) > self.budget.rows_per_call:
            yield from self._repeated(ids, rows)
            return
        if chunk is None:
            yield from self._blocks(self._run(ids, rows, use_cache=False)[0])
            return
        cache = None
        for start in range(0, int(rows[-1]) + 1, chunk):
            first, last = np.searchsorted(rows, [start, start + chunk])
            piece = ids[start : start + chunk]
            states, cache = self._run(piece, rows[first:last] - start, use_cache=True, past_key_values=cache)
            yield from self._blocks(states)
            del states  # free them before the next ones are made
            on_read(len(piece))

    def _repeated(self, ids: torch.Tensor, rows: np.ndarray) -> Iterator[torch.Tensor]:
        """Read the window again for each group of rows: slow, but it needs neither a separate head nor a cache."""
        for group in np.split(rows, range(self.budget.rows_per_call, len(rows), self.budget.rows_per_call)):
            end = len(ids) if self.needs_whole_text else group[-1] + 1
            yield from self._blocks(self._run(ids[:end], group, use_cache=False)[0])

    def _run(self, ids: torch.Tensor, rows: np.ndarray, **options: Any) -> tuple[torch.Tensor, Any]:
        """(R, d) hidden states of the rows, or (R, V) logits if the head cannot run separately; and the cache."""
        index = torch.as_tensor(rows, device=ids.device) + self.capabilities.shift
        head, n_attentions = self.capabilities.head, self.capabilities.n_attentions
        last = LastAttention(n_attentions, index if len(rows) else None, len(ids) + self.capabilities.shift)
        with last if n_attentions else nullcontext():
            if head is not None:
                hidden, out = head.hidden(ids, **options)
                states = hidden[index.to(hidden.device)]
            else:
                # a chunk without requested rows still fills the cache; the head then computes one row, which is dropped
                kept = index if len(rows) else index.new_zeros(1)
                out = self.model(input_ids=ids[None], logits_to_keep=kept, **options)
                states = out.logits[0][: len(rows)]
        if last.is_restricted and last.n_seen != n_attentions:
            raise _RowsAreNeededError
        return states, out.past_key_values if options["use_cache"] else None

    def _blocks(self, states: torch.Tensor) -> Iterator[torch.Tensor]:
        """Yield the logits of what `_run` returned, block by block."""
        head = self.capabilities.head
        if not len(states):
            return
        if head is None:
            yield states
            return
        yield from head.blocks(states, self.budget.rows)


def _least_of_all(number: int, device: torch.device) -> int:
    """The smallest number over the processes of a tensor-parallel model."""
    agreed = torch.tensor(number, dtype=torch.int64, device=device)
    torch.distributed.all_reduce(agreed, op=torch.distributed.ReduceOp.MIN)
    return int(agreed)
