"""The statistics of the rows that are wanted, and no others, from a causal LM of `transformers`.

The body runs once over a window and the model's own head over the wanted rows, block by block. A model whose head
cannot be run by itself gets `logits_to_keep` with a 1-D index, which lets it apply its head to just those rows. A text
for which one call needs too much memory is fed in chunks through the model's own key-value cache. What is used of this
is what the test at load (`selftest`) saw to give the model's own full logits.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.models.torch_engine.capabilities import find_abilities
from lm_eval_hesnr.models.torch_engine.head import input_device
from lm_eval_hesnr.models.torch_engine.last_attention import LastAttention
from lm_eval_hesnr.models.torch_engine.memory import SMALLEST_CHUNK, Budget, ModelShape, default_bytes, is_out_of_memory
from lm_eval_hesnr.models.torch_engine.rope import forget_longest
from lm_eval_hesnr.models.torch_engine.topk import RowStatistics, row_statistics

eval_logger = logging.getLogger("lm_eval.hesnr")

_CPU_NUMBERS, _GPU_NUMBERS = 2**21, 2**26
"""Logits whose statistics are made at once: what a CPU's cache holds; on a GPU a quarter of a GiB."""


class _RowsAreNeededError(Exception):
    """A text shows that the last attention may not leave out rows."""


class WantedRows:
    """Runs one model over windows of tokens and gives the statistics of the rows wanted."""

    def __init__(self, model: Any, *, name: str, mem_budget: int | None = None) -> None:
        """Test the model and plan its memory.

        Args:
            model: a causal LM of `transformers`, or what wraps one (PEFT).
            name: what error messages call it.
            mem_budget: bytes that scoring may use beside the weights; from the device's free memory if None.

        Raises:
            InputError: the model does not apply `logits_to_keep`.
        """
        self.model, self.name = model, name
        self.abilities = find_abilities(model, name)
        self.device = input_device(model)
        self.on_cpu = self.device.type == "cpu"
        self.is_sharded = (getattr(model, "tp_size", None) or 1) > 1
        n_bytes = default_bytes(self.device) if mem_budget is None else mem_budget
        if self.is_sharded:
            n_bytes = _least_of_all(n_bytes, self.device)  # all must cut their blocks alike
        self.budget = Budget(ModelShape.of(model, self.abilities.vocabulary), n_bytes, on_cpu=self.on_cpu)
        self._has_warned = False
        self._given_bytes = mem_budget
        """Until a text has needed more."""

    @property
    def needs_whole_text(self) -> bool:
        """Whether a window must be read to its end, though nothing after the last wanted token is scored."""
        return self.abilities.needs_whole_text

    @property
    def n_virtual(self) -> int:
        """Tokens of the context that PEFT's prompt or prefix tuning takes for itself."""
        told = getattr(getattr(self.model, "active_peft_config", None), "num_virtual_tokens", None)
        return max(self.abilities.shift, told or 0)  # a prefix stands in the cache and shifts no row

    def all_ranks(self, own: bool) -> bool:
        """Whether it is so on every process of a tensor-parallel model, which must all do the same."""
        return bool(_least_of_all(int(own), self.device)) if self.is_sharded else own

    def plan(self, n_tokens: int) -> dict[str, Any]:
        """How a window of n tokens is run, for the signature."""
        head = self.abilities.head
        return {
            "head": "logits_to_keep" if head is None else "float32" if head.matrix else "native",
            "rows_per_block": self.budget.rows,
            "chunk": self._chunk(n_tokens, n_tokens) or "one call",
            "last_attention": "wanted rows" if self.abilities.n_attentions else "all rows",
        }

    @torch.inference_mode()
    def statistics(
        self,
        ids: torch.Tensor,
        rows: np.ndarray,
        targets: torch.Tensor,
        k: int,
        on_read: Callable[[int], None] = lambda _: None,
    ) -> RowStatistics:
        """Statistics of `targets` by the logits of `rows` of one window; tries again with less if memory runs out.

        Args:
            ids: (T,) int64 on the model's device; what the model reads.
            rows: (R,) int64, ascending, in [0, T): row r predicts the token after position r.
            targets: (R,) int64 on the model's device.
            k: size of the candidate set.
            on_read: told how many tokens more are read after each chunk; a negative number where they are read again.

        Raises:
            InputError: the device has no room for the least that can be run at once.
        """
        if k > self.abilities.vocabulary:
            raise InputError(f"k={k}: {self.name} has a vocabulary of {self.abilities.vocabulary}; choose a smaller k")
        if self._given_bytes is not None:
            least = self.budget.least(len(ids), can_chunk=self.abilities.chunks_agree)
            if least > self._given_bytes:
                eval_logger.warning(
                    "mem_budget=%d bytes: %s needs about %d for %d tokens in the smallest blocks, and gets them",
                    self._given_bytes, self.name, least, len(ids),
                )  # fmt: skip
                self._given_bytes = None
        while True:
            n_read = 0

            def count(n: int) -> None:
                nonlocal n_read
                n_read += n
                on_read(n)

            try:
                return self._statistics(ids, rows, targets, k, count)
            except _RowsAreNeededError:
                change = self._leave_nothing_out
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if self.is_sharded:  # the other processes wait for this one with blocks of the old size
                    raise InputError(
                        f"{self.name}: out of memory on {self.device} over {len(ids)} tokens; give a smaller "
                        "mem_budget= in --model_args, or use more processes"
                    ) from error
                change = self._shrink
            on_read(-n_read)
            change(len(ids))  # out here no traceback holds the tensors that were too many

    def _statistics(
        self, ids: torch.Tensor, rows: np.ndarray, targets: torch.Tensor, k: int, on_read: Callable[[int], None]
    ) -> RowStatistics:
        forget_longest(self.model)
        parts: list[RowStatistics] = []
        done = 0
        at_once = max((_CPU_NUMBERS if self.on_cpu else _GPU_NUMBERS) // self.abilities.vocabulary, 1)
        for logits in self._logits(ids, rows, on_read):
            for block in logits.split(at_once):
                # a model spread over devices has its head on another one than its input
                parts.append(row_statistics(block, targets[done : done + len(block)].to(block.device), k))
                done += len(block)
            del logits, block  # before the next are made
        whole = RowStatistics(*(torch.cat(column) for column in zip(*parts, strict=True)))
        if self.abilities.n_attentions and not bool(whole.logprob.isfinite().all()):
            raise _RowsAreNeededError  # or the model itself is at fault, which then shows again
        return whole

    def _leave_nothing_out(self, n_tokens: int) -> None:
        self.abilities = dataclasses.replace(self.abilities, n_attentions=0)
        eval_logger.warning(
            "%s: over %d tokens its last attention is needed at rows that are not wanted, unlike in the test at load: "
            "going on with all of them", self.name, n_tokens,
        )  # fmt: skip

    def _shrink(self, n_tokens: int) -> None:
        if not self.budget.halve(n_tokens, can_chunk=self.abilities.chunks_agree):
            raise InputError(
                f"{self.name}: out of memory on {self.device} over {n_tokens} tokens even with the smallest "
                "blocks; use a smaller max_length, a 16-bit dtype or a larger device"
            )
        if not self.on_cpu:
            torch.cuda.empty_cache()
        if not self._has_warned:
            eval_logger.warning(
                "%s: out of memory over %d tokens: going on with %d rows per block and %s tokens per call, and less if "
                "it happens again (mem_budget= in --model_args sets the start)",
                self.name, n_tokens, self.budget.rows, self._chunk(n_tokens, n_tokens) or n_tokens,
            )  # fmt: skip
        self._has_warned = True

    def _chunk(self, n_tokens: int, n_rows: int) -> int | None:
        """Tokens per call, None for all of them without a cache."""
        if not self.abilities.chunks_agree:
            return None
        chunk = self.budget.chunk(n_tokens)
        if self.abilities.head is None and n_rows > self.budget.rows_per_call:
            return min(max(self.budget.rows_per_call, SMALLEST_CHUNK), chunk or n_tokens)
        return chunk

    def _logits(self, ids: torch.Tensor, rows: np.ndarray, on_read: Callable[[int], None]) -> Iterator[torch.Tensor]:
        """(R', V) logits of consecutive groups of rows, R in all."""
        chunk = self._chunk(len(ids), len(rows))
        if chunk is None and self.abilities.head is None and len(rows) > self.budget.rows_per_call:
            yield from self._repeated(ids, rows)
            return
        if chunk is None:
            yield from self._call(ids, rows, use_cache=False)
            return
        cache: list[Any] = [None]
        for start in range(0, int(rows[-1]) + 1, chunk):
            first, last = np.searchsorted(rows, [start, start + chunk])
            piece = ids[start : start + chunk]
            yield from self._call(piece, rows[first:last] - start, use_cache=True, past_key_values=cache)
            on_read(len(piece))

    def _repeated(self, ids: torch.Tensor, rows: np.ndarray) -> Iterator[torch.Tensor]:
        """The window again for each group of rows: slow, for models whose head and cache are both of no use."""
        for group in np.split(rows, range(self.budget.rows_per_call, len(rows), self.budget.rows_per_call)):
            end = len(ids) if self.needs_whole_text else group[-1] + 1
            yield from self._call(ids[:end], group, use_cache=False)

    def _call(
        self, ids: torch.Tensor, rows: np.ndarray, *, past_key_values: list[Any] | None = None, **options: Any
    ) -> Iterator[torch.Tensor]:
        """Logits of the rows of one call; the one item of `past_key_values` is the cache, which the call renews."""
        if past_key_values is not None:
            options["past_key_values"] = past_key_values[0]
        index = torch.as_tensor(rows, device=ids.device) + self.abilities.shift
        head = self.abilities.head
        n_attentions = self.abilities.n_attentions
        last = LastAttention(n_attentions, index if len(rows) else None, len(ids) + self.abilities.shift)
        with last if n_attentions else nullcontext():
            if head is not None:
                hidden, out = head.hidden(ids, **options)
                hidden = hidden[index.to(hidden.device)]  # the rest is freed
            else:
                # a chunk where nothing is wanted still fills the cache; the head then runs on one row
                kept = index if len(rows) else index.new_zeros(1)
                out = self.model(input_ids=ids[None], logits_to_keep=kept, **options)
        if last.is_restricted and last.n_seen != n_attentions:
            raise _RowsAreNeededError
        if past_key_values is not None:
            past_key_values[0] = out.past_key_values
        if not len(rows):
            return
        if head is None:
            yield out.logits[0]
            return
        del out
        for block in hidden.split(self.budget.rows):
            yield head.logits(block)


def _least_of_all(number: int, device: torch.device) -> int:
    """The least of what the processes of a tensor-parallel model have."""
    agreed = torch.tensor(number, dtype=torch.int64, device=device)
    torch.distributed.all_reduce(agreed, op=torch.distributed.ReduceOp.MIN)
    return int(agreed)
