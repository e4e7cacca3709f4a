"""A model's last attention at the wanted rows only: after it, no row tells another anything.

The attentions before need every row, as keys and values for the next; the last needs a query for none but the wanted
ones. With L layers and a share f of the rows wanted, about (1 - 1.7 f) / L of the time of attention is saved: most with
few layers and long texts. What comes after the last attention must take each row by itself. That is tested at load and
ever after: the rows left out are NaN, so that a row which looks at one of them shows it. It is done in float32 on a
CPU: a 16-bit type would round the same row otherwise by up to a hundredth, and a GPU is fast where there is no mask.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

_ROWS, _MASK = 128, 2**22
"""Rows of a block, and entries of its mask: fewer rows where a text is longer."""


class LastAttention(TorchFunctionMode):
    """Inside this context, the last scaled dot-product attention of one forward leaves out rows.

    Only where it is a plain causal one over one text of `n_rows`: no mask, at most half of the rows wanted (a row costs
    1.7 times as much by itself). `n_seen` counts the calls, `is_restricted` says whether rows were left out: made NaN.
    """

    def __init__(self, n_calls: int = 0, rows: torch.Tensor | None = None, n_rows: int = 0) -> None:
        """Nothing is left out without rows.

        Args:
            n_calls: how many attentions one forward of the model has.
            rows: (R,) int64, ascending: the rows wanted.
            n_rows: of the text that the forward reads.
        """
        super().__init__()
        self.n_calls, self.rows, self.n_rows = n_calls, rows, n_rows
        self.n_seen, self.is_restricted = 0, False

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Called by PyTorch in the place of each of its functions."""
        kwargs = kwargs or {}
        if func is not F.scaled_dot_product_attention:
            return func(*args, **kwargs)
        self.n_seen += 1
        if self.rows is None or self.n_seen != self.n_calls or not self._is_plain(*args, **kwargs):
            return func(*args, **kwargs)
        self.is_restricted = True
        return _at_rows(self.rows, *args, **kwargs)

    def _is_plain(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attn_mask: torch.Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        **_: Any,
    ) -> bool:
        shapes = {(x.ndim, x.shape[0], x.shape[-2]) for x in (query, key, value)}
        is_whole = shapes == {(4, 1, self.n_rows)} and self.rows is not None and 2 * len(self.rows) <= self.n_rows
        return is_whole and is_causal and attn_mask is None and dropout_p == 0


def _at_rows(
    rows: torch.Tensor,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    *_: Any,
    scale: float | None = None,
    **__: Any,
) -> torch.Tensor:
    """(1, H, T, D), NaN but for `rows`, which are attended block by block with the keys up to the block's last row.

    Heads that share keys are put below each other, as rows: so nothing is repeated.
    """
    n_heads, dim = query.shape[1], query.shape[3]
    n_shared = n_heads // key.shape[1]
    out = query.new_full((*query.shape[:-1], value.shape[-1]), torch.nan)
    n_rows = max(min(_ROWS, _MASK // (n_shared * (int(rows[-1]) + 1))), 1)
    for block in rows.split(n_rows):
        end = int(block[-1]) + 1
        sees = (torch.arange(end) <= block[:, None]).repeat(n_shared, 1)
        some = F.scaled_dot_product_attention(
            query[:, :, block].reshape(1, key.shape[1], n_shared * len(block), dim),
            key[:, :, :end],
            value[:, :, :end],
            attn_mask=sees,
            scale=scale,
        )
        out[:, :, block] = some.reshape(1, n_heads, len(block), value.shape[-1])
    return out
