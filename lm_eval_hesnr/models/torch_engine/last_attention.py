"""A model's last attention, computed only at the requested rows, because rows do not affect each other after it.

All earlier attentions must compute every row, because the next layer needs all keys and values. The last one needs only
the queries of the requested rows. With L layers and a share f of requested rows, this saves about (1 - 1.7 f) / L of
the attention time. The saving is greatest for few layers and long texts. The method is correct only if everything after
the last attention treats each row separately. The test at load and every later run check this. The rows that are left
out become NaN, so a row that depends on one of them becomes NaN too.

The method is used only in float32 on a CPU. In a 16-bit type, the same row would be rounded differently, by up to 0.01.
On a GPU, attention without a mask is already fast.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

_ROWS, _MASK = 128, 2**22
"""The largest number of rows in a block, and the largest number of entries in its mask. A longer text gets fewer rows
per block."""


class LastAttention(TorchFunctionMode):
    """A context manager in which the last scaled dot-product attention of one forward pass leaves out rows.

    It does so only for plain causal attention over one text of `n_rows` rows without a mask. At most half of the rows
    may be requested, because a row that is computed separately costs 1.7 times as much. `n_seen` counts the attention
    calls. `is_restricted` is true if rows were left out; these rows are NaN.
    """

    def __init__(self, n_calls: int = 0, rows: torch.Tensor | None = None, n_rows: int = 0) -> None:
        """Set the requested rows. If they are None, attention calls are only counted.

        Args:
            n_calls: how many attention calls one forward pass of the model makes.
            rows: (R,) int64, ascending: the requested rows.
            n_rows: length of the text that the forward pass reads.
        """
        super().__init__()
        self.n_calls, self.rows, self.n_rows = n_calls, rows, n_rows
        self.n_seen, self.is_restricted = 0, False

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """PyTorch calls this instead of each of its functions."""
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
    """(1, H, T, D): attention at `rows`, NaN elsewhere. Each block uses the keys up to its last row.

    Heads that share keys become rows of one attention, so keys and values are not repeated.
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
