"""Runs a model's head separately: the body runs once, and the logits are computed block by block.

For each block, the model's whole `forward` is called. During this call, its body is replaced by a function that returns
the hidden states computed before. So the model itself applies its scales, caps and biases.

If the head is only a matrix (tested at load), its product is computed directly. On a CPU, all blocks then share one
buffer, so a block can be larger. For a 16-bit model, the product is computed in float32 if this costs no extra time.
Then the products are exact, and two different logits are not rounded to the same value.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from transformers.utils import ModelOutput

_TILE = 8192
"""The number of vocabulary entries whose weights are converted to float32 at once."""

_ROUNDING = 1e-5
"""The allowed difference of float32 logits that are summed in another order, relative to the largest logit."""


class Head:
    """Runs the body and the head of one model separately."""

    def __init__(self, model: Any, body: nn.Module) -> None:
        """Store the two modules; nothing runs yet.

        Args:
            model: a causal LM, or a wrapper of one.
            body: the model's decoder without the head, one of its modules.
        """
        self.model, self.body = model, body
        self.matrix: nn.Linear | None = None
        """The head's matrix, if the head is known to be only a matrix."""
        self.is_wide = False
        """Whether the logits of a 16-bit model are computed in float32."""
        self._like: Any = None

    def hidden(self, ids: torch.Tensor, **options: Any) -> tuple[torch.Tensor, Any]:
        """(T, d) hidden states, which are the input of the model's head, and the model's output with one row of logits.

        Raises:
            LookupError: the model does not call its body.
        """
        seen: list[Any] = []
        handle = self.body.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
        try:
            one_row = torch.zeros(1, dtype=torch.int64, device=ids.device)
            out = self.model(input_ids=ids[None], logits_to_keep=one_row, **options)
        finally:
            handle.remove()
        if len(seen) != 1:
            raise LookupError(f"{type(self.model).__name__} called its body {len(seen)} times")
        self._like = type(seen[0])
        return seen[0][0][0], out

    def blocks(self, hidden: torch.Tensor, n_rows: int) -> Iterator[torch.Tensor]:
        """Yield the (R', V) logits of consecutive groups of at most `n_rows` of the (R, d) hidden states.

        A group of logits may be overwritten by the next one.
        """
        blocks = hidden.split(n_rows)
        if self.matrix is None:
            yield from map(self.native_logits, blocks)
            return
        out = None
        if hidden.device.type == "cpu":  # elsewhere, PyTorch keeps freed memory
            dtype = torch.float32 if self.is_wide else hidden.dtype
            out = hidden.new_empty((len(blocks[0]), len(self.matrix.weight)), dtype=dtype)
        for block in blocks:
            yield self._product(self.matrix, block, None if out is None else out[: len(block)])

    def _product(self, matrix: nn.Linear, hidden: torch.Tensor, out: torch.Tensor | None) -> torch.Tensor:
        if self.is_wide:
            return float32_logits(matrix, hidden, out)
        if matrix.bias is None:
            return torch.mm(hidden, matrix.weight.T, out=out)
        return torch.addmm(matrix.bias, hidden, matrix.weight.T, out=out)

    def native_logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """(R, V) logits of (R, d) hidden states, as the model itself computes them.

        Raises:
            LookupError: the model did not use these hidden states.
        """
        calls: list[Any] = []

        def _given(*_: Any, **__: Any) -> Any:
            calls.append(None)
            return _output(self._like, hidden[None])

        before = self.body.__dict__.get("forward")
        self.body.forward = _given
        try:
            nothing = torch.zeros((1, len(hidden)), dtype=torch.int64, device=hidden.device)
            logits: torch.Tensor = self.model(input_ids=nothing, use_cache=False).logits[0]
        finally:
            if before is None:
                del self.body.forward
            else:  # accelerate wraps a module's forward in the same way
                self.body.forward = before
        if len(calls) != 1:
            raise LookupError(f"{type(self.model).__name__} called its body {len(calls)} times")
        return logits[-len(hidden) :]  # prompt tuning puts virtual tokens first

    def find_matrix(self, hidden: torch.Tensor, *, is_wide: bool) -> None:
        """Set `matrix` if multiplying by it gives the model's own logits, for small and for large hidden states.

        A cap changes only large logits, so scaled hidden states are tested too.

        Args:
            hidden: (R, d) hidden states.
            is_wide: whether to compute logits of 16-bit hidden states in float32.
        """
        head = self.model.get_output_embeddings()
        if type(head) is not nn.Linear or type(head.weight) is not nn.Parameter or hasattr(head, "_hf_hook"):
            return
        if head._forward_hooks or head._forward_pre_hooks:
            return
        if head.weight.dtype != hidden.dtype or head.weight.device != hidden.device:
            return
        self.is_wide = is_wide
        for scale in (1.0, 8.0, 64.0):
            expected = self.native_logits(hidden * scale).float()
            try:
                got = self._product(head, hidden * scale, None).float()
            except (TypeError, RuntimeError):  # this PyTorch version or device does not support it
                return
            if got.shape != expected.shape or not bool(expected.isfinite().all()):
                return
            allowed = max(2 * torch.finfo(hidden.dtype).eps, _ROUNDING) * expected.abs().amax()
            if not bool((got - expected).abs().amax() <= allowed):
                return
        self.matrix = head


def float32_logits(head: nn.Linear, hidden: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
    """(R, V) float32 logits of 16-bit weights and hidden states; float32 represents their products exactly."""
    if hidden.is_cuda:
        logits = torch.mm(hidden, head.weight.T, out_dtype=torch.float32)
    else:
        wide = hidden.float()
        logits = wide.new_empty((len(wide), len(head.weight))) if out is None else out
        for columns, tile in zip(logits.split(_TILE, dim=1), head.weight.split(_TILE), strict=True):
            torch.mm(wide, tile.float().T, out=columns)
    return logits if head.bias is None else logits.add_(head.bias.float())


def float32_costs_nothing(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether `float32_logits` is as fast as the head in its own dtype.

    This is true on CUDA, and on a CPU without instructions for bfloat16, where it is 1.3 times faster. On a CPU with
    AMX it takes five times as long. Other devices were not measured.
    """
    if device.type == "cuda":
        return True
    return device.type == "cpu" and dtype == torch.bfloat16 and not torch.cpu._is_avx512_bf16_supported()


def input_device(model: Any) -> torch.device:
    """The device for a model's token ids, even if accelerate keeps the weights elsewhere until they are needed."""
    device: torch.device = model.device
    if device.type != "meta":
        return device
    return torch.device(getattr(getattr(model.get_input_embeddings(), "_hf_hook", None), "execution_device", "cpu"))


def candidate_bodies(model: Any) -> list[nn.Module]:
    """The modules that may be a model's decoder without its head, the most likely first."""
    inside = model.get_base_model() if hasattr(model, "get_base_model") else model  # PEFT wraps a causal LM
    found: list[nn.Module] = []
    for body in (getattr(inside, "base_model", None), inside.get_decoder() if hasattr(inside, "get_decoder") else None):
        if isinstance(body, nn.Module) and body not in (inside, model, *found):
            found.append(body)
    return found


def _output(like: Any, hidden: torch.Tensor) -> Any:
    """An output of the body's own type that has only hidden states."""
    if issubclass(like, ModelOutput):
        return like(last_hidden_state=hidden)
    return (hidden, None, None, None)
