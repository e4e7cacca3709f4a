"""The columns of a token table that only some runs record. Each value is a list of numbers, or null."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

from lm_eval_hesnr.metrics.temperatures import INVERSE_TEMPERATURES
from lm_eval_hesnr.scoring.statistics import Extras
from lm_eval_hesnr.scoring.table_columns import LARGEST_INTEGER
from lm_eval_hesnr.scoring.token_scores import STATISTICS, TokenScores

_ROUNDING = 0.02
"""Two numbers of one row may disagree by this much, nats: float16 rounds a logprob of -40 by 0.016."""

_AT_ONE = int(np.flatnonzero(INVERSE_TEMPERATURES == 1)[0])


class ListColumn(NamedTuple):
    """One column of lists, and the range of their items."""

    name: str
    extra: str
    """The field of `Extras` that it belongs to."""
    item: pa.DataType
    least: float
    most: float

    def width(self, k: int) -> int:
        """Items per list."""
        return len(INVERSE_TEMPERATURES) if self.name == "log_z" else k

    def bytes_per_row(self, k: int) -> int:
        """The most bytes of one row: the items in the file and decoded, and the levels that mark where a list ends."""
        return 13 * self.width(k) + 32

    def check_type(self, schema: pa.Schema) -> None:
        """Check the type of this column, if a table has it.

        Raises:
            ValueError: it has another type, or there are several of this name.
        """
        if (n_found := schema.names.count(self.name)) > 1:
            raise ValueError(f"it has {n_found} columns {self.name}, expected one")
        if n_found and not _is_list_of(schema.field(self.name).type, self.item):
            raise ValueError(
                f"column {self.name} has type {schema.field(self.name).type}, expected a list of {self.item}"
            )


LIST_COLUMNS = (
    ListColumn("log_z", "temperatures", pa.float32(), 0, math.log(LARGEST_INTEGER)),
    ListColumn("top_logits", "temperatures", pa.float32(), -math.inf, 0),
    ListColumn("top_ids", "candidates", pa.int32(), 0, LARGEST_INTEGER),
    ListColumn("top_logprobs", "candidates", pa.float16(), -math.inf, 0),
)
"""All columns of lists. `TokenScores` has fields of the same names."""


def list_columns(extras: Extras) -> list[ListColumn]:
    """The columns with these optional statistics."""
    return [column for column in LIST_COLUMNS if getattr(extras, column.extra)]


def lists_as_arrow(scores: TokenScores) -> dict[str, pa.Array]:
    """The columns of the optional statistics that the scores have, by name."""
    found = {}
    for column in LIST_COLUMNS:
        values = getattr(scores, column.name)
        if values is not None:
            is_known = _is_known(values)
            ends = np.concatenate([[0], np.cumsum(is_known * column.width(scores.k))])
            items = pa.array(values[is_known].ravel(), column.item)
            found[column.name] = pa.ListArray.from_arrays(pa.array(ends, pa.int32()), items, mask=pa.array(~is_known))
    return found


def lists_of(
    table: pa.Table, columns: Sequence[ListColumn], k: int, arrays: Mapping[str, Any]
) -> dict[str, np.ndarray | None]:
    """The optional fields of `TokenScores` from the columns of a table; None for a column that it does not have.

    Args:
        table: its columns have the right types.
        columns: the columns to read.
        k: size of the candidate set.
        arrays: the other fields of `TokenScores`.

    Raises:
        ValueError: a list has the wrong length, or a value is impossible. The message names the column and the row.
    """
    found = {
        column.name: _array(table.column(column.name), column, k)
        for column in columns
        if column.name in table.column_names
    }
    for name, values in found.items():
        _refuse(name, _is_known(values) & ~arrays["scored"], "a list", "null, because logprob is null")
    _check_together(found, arrays)
    return {column.name: found.get(column.name) for column in LIST_COLUMNS}


def _array(values: pa.ChunkedArray, column: ListColumn, k: int) -> np.ndarray:
    """(T, width): the lists of a column; the value of `STATISTICS` in rows with null."""
    lists, width = values.combine_chunks(), column.width(k)
    is_valid = values.is_valid().to_numpy()
    lengths = np.asarray(pc.list_value_length(values).fill_null(width))
    for row in np.flatnonzero(lengths != width)[:1]:
        raise ValueError(f"column {column.name}, row {row}: found a list of {lengths[row]} items, expected {width}")
    items = lists.flatten()  # without those of null lists
    if items.null_count:
        row = np.flatnonzero(is_valid)[int(np.flatnonzero(np.asarray(items.is_null()))[0]) // width]
        raise ValueError(f"column {column.name}, row {row}: found null in a list, expected a number")
    kind = column.item.to_pandas_dtype()
    wide = np.int64 if kinds.is_integer(column.item) else np.float64
    array = np.full((len(values), width), STATISTICS[column.name], wide)
    array[is_valid] = items.to_numpy(zero_copy_only=False).reshape(-1, width)
    is_good = (array >= column.least) & (array <= column.most)
    _refuse(
        column.name,
        is_valid & ~is_good.all(axis=1),
        "an impossible value",
        f"numbers from {column.least:g} to {column.most:g}",
    )
    return array.astype(kind)


def _check_together(found: Mapping[str, np.ndarray], arrays: Mapping[str, Any]) -> None:
    """Check that the numbers of each row are possible together."""
    for name in ("log_z", "top_logits", "top_logprobs"):
        if name in found:
            with np.errstate(invalid="ignore"):  # minus infinity twice: two tokens that the model can never generate
                rises = (np.diff(found[name].astype(np.float64), axis=1) > _ROUNDING).any(axis=1)
            _refuse(name, rises, "a list that rises", "one that falls")
    if "log_z" in found:
        rises = arrays["logprob"] + found["log_z"][:, _AT_ONE] > _ROUNDING
        _refuse("log_z", rises, "a value too large for this logprob", "at most -logprob at T = 1")
    if "top_logits" in found:
        is_known = _is_known(found["top_logits"])
        has_z = _is_known(found["log_z"]) if "log_z" in found else np.zeros_like(is_known)
        _refuse("top_logits", is_known & ~has_z, "a list", "null, because log_z is null")
        _refuse("top_logits", found["top_logits"][:, 0] < 0, "a first item below 0", "0, the largest logit")
    if "top_ids" in found or "top_logprobs" in found:
        ids, values = (_is_known(found[name]) if name in found else None for name in ("top_ids", "top_logprobs"))
        if ids is None or values is None:
            raise ValueError("it has only one of the columns top_ids and top_logprobs, expected both")
        _refuse("top_ids", ids != values, "a list in only one of top_ids and top_logprobs", "both or neither")


def _is_known(values: np.ndarray) -> np.ndarray:
    """(T,) bool: the rows that are not null."""
    return values[:, 0] >= 0 if values.dtype.kind in "iu" else ~np.isnan(values[:, 0])


def _refuse(name: str, bad: Any, found: str, expected: str) -> None:
    for row in np.flatnonzero(bad)[:1]:
        raise ValueError(f"column {name}, row {row}: found {found}, expected {expected}")


def _is_list_of(kind: pa.DataType, item: pa.DataType) -> bool:
    is_list = kinds.is_list(kind) or kinds.is_large_list(kind)
    is_family = kinds.is_integer if kinds.is_integer(item) else kinds.is_floating
    return is_list and bool(is_family(kind.value_type))
