"""The test at load: it finds the ways of running a model that give the model's own full logits on random tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.models.torch_engine.head import Head, candidate_bodies, float32_costs_nothing, input_device
from lm_eval_hesnr.models.torch_engine.last_attention import LastAttention
from lm_eval_hesnr.models.torch_engine.rope import depends_on_length, forget_longest

_TEST_TOKENS = 64
_USE_ANOTHER = "use a model whose transformers class supports it"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model can do, as the test at load showed."""

    vocabulary: int
    """Entries of a row of logits. They can be more than the tokenizer's entries."""
    shift: int
    """How many rows of logits come before the first token's row, because prompt tuning adds virtual tokens there."""
    head: Head | None
    """The head, if it can run separately and gives the same logits."""
    chunks_agree: bool
    """Whether chunks through the model's own cache give the same logits."""
    needs_whole_text: bool
    """Whether logits depend on the length of the whole text (`dynamic` and `longrope` RoPE)."""
    n_attentions: int
    """The number of attention calls in one forward pass; 0 if the last one must compute all rows."""


@torch.inference_mode()
def find_capabilities(model: Any, name: str, *, float32_is_free: bool | None = None) -> Capabilities:
    """Compare every way of running a model with its own full logits on 64 random tokens.

    `logits_to_keep` must agree. If the separate head or the chunks do not agree, they are not used.

    Args:
        model: a causal LM of `transformers`, or a wrapper of one (PEFT).
        name: the model's name in error messages.
        float32_is_free: whether float32 logits of a 16-bit model take no extra time. If None, the device decides.

    Raises:
        InputError: the model does not accept `logits_to_keep`, ignores it, or computes other logits with it; or its
            logits are not finite, or depend on later tokens.
    """
    generator = torch.Generator().manual_seed(0)
    embeddings = model.get_input_embeddings()
    ids = torch.randint(embeddings.num_embeddings, (_TEST_TOKENS,), generator=generator).to(input_device(model))
    rows = torch.arange(1, _TEST_TOKENS, 3, device=ids.device)
    forget_longest(model)
    full = _tested_logits(model, name, ids, rows)
    shift = len(full) - _TEST_TOKENS
    whole = depends_on_length(model)
    if not whole:
        _refuse_sight_of_the_future(model, name, ids, full)
    head = _agreeing_head(model, ids, rows + shift, full[rows + shift], float32_is_free)
    chunks = not whole and shift == 0 and _chunks_agree(model, ids, full)
    n_attentions = 0
    if ids.device.type == "cpu" and full.dtype == model.dtype == torch.float32:
        n_attentions = _attentions_of(model, ids, full)
    return Capabilities(full.shape[-1], shift, head, chunks, whole, n_attentions)


def _tested_logits(model: Any, name: str, ids: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """(T + shift, V): the model's full logits, after `logits_to_keep` has given the same ones at `rows`."""
    kind = type(model).__name__
    try:
        full: torch.Tensor = model(input_ids=ids[None], use_cache=False).logits[0]
        shift = len(full) - _TEST_TOKENS
        kept = model(input_ids=ids[None], use_cache=False, logits_to_keep=rows + shift).logits[0]
    except TypeError as error:
        raise InputError(f"{name}: {kind} does not accept logits_to_keep ({error}); {_USE_ANOTHER}") from error
    if not bool(full.isfinite().all()):
        raise InputError(f"{name}: the logits of {_TEST_TOKENS} random tokens are not finite; try another dtype")
    if len(kept) != len(rows):
        raise InputError(
            f"{name}: {kind} ignores logits_to_keep (expected {len(rows)} rows, got {len(kept)}); {_USE_ANOTHER}"
        )
    if not _close(kept, full[rows + shift]):
        raise InputError(f"{name}: {kind} computes other logits with logits_to_keep than without; {_USE_ANOTHER}")
    return full


def _refuse_sight_of_the_future(model: Any, name: str, ids: torch.Tensor, full: torch.Tensor) -> None:
    half = model(input_ids=ids[None, : _TEST_TOKENS // 2], use_cache=False).logits[0]
    # rounding may send a few tokens to another expert; in a model that sees later tokens, most rows change
    changed = [not _close(*pair) for pair in zip(half, full[: len(half)], strict=True)]
    if 2 * sum(changed) > len(changed):
        raise InputError(
            f"{name}: in {type(model).__name__}, a token's logits change with the text after it: it is not a causal "
            "language model, or is not configured as one (is_decoder?)"
        )


def _agreeing_head(
    model: Any, ids: torch.Tensor, rows: torch.Tensor, expected: torch.Tensor, float32_is_free: bool | None
) -> Head | None:
    for body in candidate_bodies(model):
        head = Head(model, body)
        try:
            hidden, _ = head.hidden(ids, use_cache=False)
            # in two calls and another order, so that the logits can come only from the hidden states
            parts = [head.native_logits(hidden[some]) for some in (rows[:1], rows[1:].flip(0))]
            if not _close(torch.cat([parts[0], parts[1].flip(0)]), expected):
                continue
            if float32_is_free is None:
                float32_is_free = float32_costs_nothing(hidden.device, model.dtype)
            is_wide = model.dtype.itemsize == 2 and float32_is_free
            if (is_wide or hidden.device.type == "cpu") and not torch.is_autocast_enabled(ids.device.type):
                head.find_matrix(hidden[rows], is_wide=is_wide)
        except Exception:  # noqa: S112 (a model whose head cannot run separately may raise anything)
            continue
        return head
    return None


def _chunks_agree(model: Any, ids: torch.Tensor, full: torch.Tensor) -> bool:
    cache, parts = None, []
    try:
        for chunk in ids.split(_TEST_TOKENS // 3):
            out = model(input_ids=chunk[None], use_cache=True, past_key_values=cache)
            cache = out.past_key_values
            parts.append(out.logits[0])
    except Exception:  # a model without a usable cache may raise anything; the other ways remain
        return False
    return _close(torch.cat(parts), full)


def _attentions_of(model: Any, ids: torch.Tensor, full: torch.Tensor) -> int:
    """Number of attention calls in a forward pass; 0 if the last row changes when the last call skips all others."""
    last_row = torch.tensor([len(full) - 1], device=ids.device)
    try:
        with LastAttention() as counted:
            model(input_ids=ids[None], use_cache=False)
        with LastAttention(counted.n_seen, last_row, len(full)) as last:
            got = model(input_ids=ids[None], use_cache=False, logits_to_keep=last_row).logits[0]
    except Exception:  # a model may raise any error when it reads NaN
        return 0
    return last.n_seen if last.is_restricted and _close(got, full[-1:]) else 0


def _close(got: torch.Tensor, expected: torch.Tensor) -> bool:
    """Whether two tensors are equal up to the rounding that another order of summation causes in this dtype."""
    tolerance = 1e-5 if expected.dtype == torch.float32 else 5e-2
    scale = max(1.0, float(expected.abs().max()))
    return got.shape == expected.shape and bool((got.float() - expected.float()).abs().max() <= tolerance * scale)
