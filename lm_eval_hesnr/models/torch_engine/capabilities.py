"""Which ways of running a model give its own full logits, found out on a few random tokens when it is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.models.torch_engine.head import Head, candidate_bodies, float32_costs_nothing, input_device
from lm_eval_hesnr.models.torch_engine.last_attention import LastAttention
from lm_eval_hesnr.models.torch_engine.rope import depends_on_length, forget_longest

_TEST_TOKENS = 64


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a model was seen to do rightly."""

    vocabulary: int
    """Entries of a row of logits; may be more than the tokenizer has."""
    shift: int
    """Rows of logits before the first token's: prompt tuning puts virtual tokens there."""
    head: Head | None
    """The head by itself, if it gives the same logits."""
    chunks_agree: bool
    """Whether chunks through the model's own cache give the same logits."""
    needs_whole_text: bool
    """Whether logits depend on how much text follows (`dynamic` and `longrope` RoPE)."""
    n_attentions: int
    """Attentions of one forward, the last of which may leave out rows that are not wanted; 0 if none may."""


@torch.inference_mode()
def find_abilities(model: Any, name: str) -> Abilities:
    """Compare every way with the model's own full logits on 64 random tokens.

    `logits_to_keep` must agree. Where the head by itself or chunks do not, they are not used.

    Args:
        model: a causal LM of `transformers`, or what wraps one (PEFT).
        name: what error messages call it.

    Raises:
        InputError: `logits_to_keep` is not taken, ignored or wrong, or logits are not finite.
    """
    generator = torch.Generator().manual_seed(0)
    embeddings = model.get_input_embeddings()
    ids = torch.randint(embeddings.num_embeddings, (_TEST_TOKENS,), generator=generator).to(input_device(model))
    rows = torch.arange(1, _TEST_TOKENS, 3, device=ids.device)
    kind = type(model).__name__
    forget_longest(model)
    try:
        full = model(input_ids=ids[None], use_cache=False).logits[0]
        shift = len(full) - _TEST_TOKENS
        kept = model(input_ids=ids[None], use_cache=False, logits_to_keep=rows + shift).logits[0]
    except TypeError as error:
        raise InputError(
            f"{name}: {kind} takes no logits_to_keep ({error}); use a model whose transformers class supports it"
        ) from error
    if not bool(full.isfinite().all()):
        raise InputError(f"{name}: logits that are not finite on {_TEST_TOKENS} random tokens; try another dtype")
    if len(kept) != len(rows):
        raise InputError(
            f"{name}: {kind} ignores logits_to_keep (asked for {len(rows)} rows, got {len(kept)}); use a model whose "
            "transformers class supports it"
        )
    expected = full[rows + shift]
    if not _close(kept, expected):
        raise InputError(
            f"{name}: {kind} gives other logits with logits_to_keep than without; use a model whose transformers class "
            "supports it"
        )
    if not depends_on_length(model):
        half = model(input_ids=ids[None, : _TEST_TOKENS // 2], use_cache=False).logits[0]
        # rounding may send a token to another expert; a model that reads the future changes at most tokens
        changed = [not _close(*pair) for pair in zip(half, full[: len(half)], strict=True)]
        if 2 * sum(changed) > len(changed):
            raise InputError(
                f"{name}: a token's logits of {kind} change with the text after it: it is no causal language model, or "
                "not as it is configured (is_decoder?)"
            )
    head = _agreeing_head(model, ids, rows + shift, expected)
    whole = depends_on_length(model)
    chunks = not whole and shift == 0 and _chunks_agree(model, ids, full)
    n_attentions = 0
    if ids.device.type == "cpu" and full.dtype == model.dtype == torch.float32:
        n_attentions = _attentions_of(model, ids, full)
    return Abilities(full.shape[-1], shift, head, chunks, whole, n_attentions)


def _agreeing_head(model: Any, ids: torch.Tensor, rows: torch.Tensor, expected: torch.Tensor) -> Head | None:
    for body in candidate_bodies(model):
        head = Head(model, body)
        try:
            hidden, _ = head.hidden(ids, use_cache=False)
            # rows one after the other and in another order, so that nothing but the hidden state can have been used
            parts = [head.native_logits(hidden[some]) for some in (rows[:1], rows[1:].flip(0))]
            if not _close(torch.cat([parts[0], parts[1].flip(0)]), expected):
                continue
            is_free = model.dtype.itemsize == 2 and float32_costs_nothing(hidden.device, model.dtype)
            if is_free and not torch.is_autocast_enabled(ids.device.type):
                head.find_matrix(hidden[rows])
        except Exception:  # noqa: S112 (whatever a model raises whose head cannot be run by itself)
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
    except Exception:  # whatever a model without a usable cache raises, the other ways remain
        return False
    return _close(torch.cat(parts), full)


def _attentions_of(model: Any, ids: torch.Tensor, full: torch.Tensor) -> int:
    """How many there are, if the last row does not notice that the last one made NaN of all others; else 0."""
    last_row = torch.tensor([len(full) - 1], device=ids.device)
    try:
        with LastAttention() as counted:
            model(input_ids=ids[None], use_cache=False)
        with LastAttention(counted.n_seen, last_row, len(full)) as last:
            got = model(input_ids=ids[None], use_cache=False, logits_to_keep=last_row).logits[0]
    except Exception:  # whatever a model raises that meets NaN on its way
        return 0
    return last.n_seen if last.is_restricted and _close(got, full[-1:]) else 0


def _close(got: torch.Tensor, expected: torch.Tensor) -> bool:
    """Equal up to what the order of summation may change in this dtype."""
    tolerance = 1e-5 if expected.dtype == torch.float32 else 5e-2
    scale = max(1.0, float(expected.abs().max()))
    return got.shape == expected.shape and bool((got.float() - expected.float()).abs().max() <= tolerance * scale)
