"""The columns of a token table as arrays, with checks of types, of missing values and of ranges."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.types as kinds

from lm_eval_hesnr.labels import Label
from lm_eval_hesnr.scoring.possible_rows import check_together

_CODES = {label.label_name: int(label) for label in Label}

LARGEST_INTEGER = 2**31 - 1
"""The largest token id, rank or context length: statistics and token tables contain int32."""

_ROUNDING = 1e-5
"""A statistic may exceed the end of its range by this much: statistics are rounded to float32."""

_LEAST_LOGPROB = -1e6
"""A run ends if a logprob is minus infinity. Logits in float16 differ by less than 131 072."""


class Column(NamedTuple):
    """One column, and the range of its values."""

    name: str
    type_name: str
    is_type: Callable[[pa.DataType], bool]
    least: float
    most: float
    """Infinity if ln k is the largest value."""
    is_statistic: bool
    """Unscored tokens have a null."""
    default: float | None = None
    """The value of all rows in files of older versions, which do not have this column; None if every file has it."""

    def check_type(self, schema: pa.Schema) -> None:
        """Check that a table has this column, once, and with the right type.

        Raises:
            ValueError: it does not.
        """
        n_found = schema.names.count(self.name)
        if n_found == 0 and self.default is not None:
            return
        if n_found != 1:
            raise ValueError(f"it has {n_found or 'no'} columns {self.name}, expected one of type {self.type_name}")
        found = schema.field(self.name).type
        if not self.is_type(found):
            raise ValueError(f"column {self.name} has type {found}, expected {self.type_name}")


def is_text(kind: pa.DataType) -> bool:
    """Whether a type is text, also in a dictionary."""
    kind = kind.value_type if kinds.is_dictionary(kind) else kind
    return kinds.is_string(kind) or kinds.is_large_string(kind)


COLUMNS = (
    Column("token_id", "int32", kinds.is_integer, 0, LARGEST_INTEGER, False),
    Column("label", "a dictionary of strings", is_text, 0, len(Label) - 1, False),
    Column("char_start", "int32", kinds.is_integer, 0, LARGEST_INTEGER, False),
    Column("char_end", "int32", kinds.is_integer, 0, LARGEST_INTEGER, False),
    Column("logprob", "float", kinds.is_floating, _LEAST_LOGPROB, 0, True),
    Column("entropy", "float", kinds.is_floating, 0, math.inf, True),
    Column("rank", "int32", kinds.is_integer, 1, LARGEST_INTEGER, True),
    Column("top_mass", "float", kinds.is_floating, 1e-9, 1, True),
    Column("collision", "float", kinds.is_floating, 0, 1, True, math.nan),
    Column("n_bytes", "int32", kinds.is_integer, -1, LARGEST_INTEGER, False, -1),
)
"""The columns that are read. A table may have others."""

DOC_ID = Column("doc_id", "int32", kinds.is_integer, 0, LARGEST_INTEGER, False, -1)
"""The number of the document, which is the same in all rows. A table may lack it."""


def arrays_of(table: pa.Table, k: int, columns: Sequence[Column] = COLUMNS) -> dict[str, Any]:
    """The array fields of `TokenScores` from the columns of a table, and `scored`.

    Args:
        table: its columns have the types of `columns`.
        k: size of the candidate set.
        columns: those that are read, with token_id and logprob.

    Raises:
        ValueError: a value is missing or out of range. The message names the column, the row, the value, and what is
            expected.
    """
    scored = table.column("logprob").is_valid().to_numpy()
    arrays: dict[str, Any] = {"scored": scored}
    for column in columns:
        if column.default is not None and column.name not in table.column_names:
            kind = np.float32 if column.is_statistic else np.int32
            arrays[column.name] = np.full(len(scored), column.default, kind)
            continue
        values = table.column(column.name)
        _check_nulls(column.name, values.is_valid().to_numpy(), scored if column.is_statistic else None)
        if column.name == "label":
            arrays["labels"] = _label_codes(values)
            continue
        array = values.fill_null(0).to_numpy()
        if array.dtype.kind == "f":
            array = array.astype(np.float64)  # float16 cannot represent every limit
        most = math.log(k) if column.most == math.inf else column.most
        _check_range(column, array, scored if column.is_statistic else np.ones_like(scored), most)
        if array.dtype.kind == "f":
            array = np.where(scored, array, np.nan).astype(np.float32)
        arrays[column.name] = array.astype(np.int32) if array.dtype.kind in "iu" else array
    arrays["token_ids"] = arrays.pop("token_id")
    check_together(arrays, k)
    return arrays


def _check_nulls(name: str, is_valid: np.ndarray, scored: np.ndarray | None) -> None:
    for row in np.flatnonzero(is_valid != (True if scored is None else scored))[:1]:
        if scored is None or scored[row]:
            raise ValueError(f"column {name}, row {row}: found null, expected a value")
        raise ValueError(f"column {name}, row {row}: found a value, expected null, because logprob is null")


def _check_range(column: Column, array: np.ndarray, checked: np.ndarray, most: float) -> None:
    slack = _ROUNDING if array.dtype.kind == "f" else 0
    is_good = (array >= column.least) & (array <= most + slack)  # False for NaN
    for row in np.flatnonzero(checked & ~is_good)[:1]:
        expected = f"{column.least:.7g} to {most:.10g}" if slack == 0 else f"{column.least:g} to {most:.6g}"
        raise ValueError(f"column {column.name}, row {row}: found {array[row]:.10g}, expected {expected}")


def _label_codes(values: pa.ChunkedArray) -> np.ndarray:
    if not kinds.is_dictionary(values.type):
        values = values.dictionary_encode()
    labels = values.unify_dictionaries().combine_chunks()
    names, indices = labels.dictionary.to_pylist(), labels.indices.to_numpy()
    codes = np.array([_CODES.get(name, -1) for name in names], np.int16)
    found = codes[indices] if len(names) else np.zeros(0, np.int16)
    for row in np.flatnonzero(found < 0)[:1]:
        name = str(names[indices[row]])[:100]
        raise ValueError(f"column label, row {row}: found {name!r}, expected one of {', '.join(_CODES)}")
    return found.astype(np.uint8)
