"""Records of Parquet files, and rows of any file with columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

from lm_eval_hesnr.files.parquet_pages import decoded_size, row_groups
from lm_eval_hesnr.messages.characters import shortened
from lm_eval_hesnr.trajectories import decoding
from lm_eval_hesnr.trajectories.decoding import Bad, Record
from lm_eval_hesnr.trajectories.opening import COST_OF_RECORD, decompressed_limit, too_much

MAX_GROUP_BYTES = 2**31
"""The largest row group that is read. The decoded columns of one row may be as large as their row group."""

_BATCH = 8
"""Number of rows read at a time, if their row group is small. One long text may be the value of all rows."""
_LARGE_BATCH = 2**26
"""Bytes. The rows of a larger batch become Python values one by one."""


def parquet_records(stream: IO[bytes]) -> Iterator[Record]:
    """Every row, read a few at a time.

    Raises:
        OSError: the file is damaged, or it decompresses to more than the limit.
        MemoryError: a row needs more memory than there is.
    """
    import pyarrow
    import pyarrow.parquet

    number = 0
    try:
        with pyarrow.parquet.ParquetFile(stream) as file:
            for row in _rows(file, stream, decompressed_limit(stream)):
                number += 1
                yield Record(f"row {number}", row)
    except MemoryError:
        raise
    except (pyarrow.ArrowException, OverflowError, ValueError, LookupError) as error:  # also from its conversions
        after = f" after row {number}" if number else ""
        reason = repr(error) if isinstance(error, LookupError) else str(error)  # only the name of a time zone
        yield Record("", Bad(f"not valid Parquet{after} ({shortened(reason.partition(chr(10))[0], 200)})"))


def _rows(file: Any, stream: IO[bytes], limit: int) -> Iterator[Any]:
    """Yield the rows of a `ParquetFile`, and `Bad` for a row that is too large."""
    too_large = Bad(f"more than {decoding.MAX_BYTES >> 20} MiB or {decoding.MAX_VALUES:,} values in one row")
    sizes = [sum(decoded_size(stream, chunk, limit) for chunk in chunks) for chunks in row_groups(stream)]
    if sum(sizes) + COST_OF_RECORD * file.metadata.num_rows > limit:
        raise too_much(limit)
    n_bytes = 0  # a text that the file contains once can be the value of many rows
    for group, size in enumerate(sizes):
        if size > MAX_GROUP_BYTES:
            raise OSError(f"a row group of more than {MAX_GROUP_BYTES >> 20:,} MiB; write smaller row groups")
        n_rows = min(_BATCH, max(1, decoding.MAX_BYTES // 2 // max(1, size)))
        for batch in file.iter_batches(batch_size=n_rows, row_groups=[group]):
            n_bytes += batch.nbytes
            if n_bytes > limit:
                raise too_much(limit)
            one_by_one = batch.nbytes > _LARGE_BATCH or not _is_small(batch)
            for part in [batch.slice(i, 1) for i in range(len(batch))] if one_by_one else [batch]:
                rows = [without_nulls(row) for row in part.to_pylist()] if _is_small(part) else [too_large]
                may_be_large = part.nbytes > decoding.MAX_VALUES  # shorter texts contain fewer values
                yield from (too_large if may_be_large and _has_large_json(row) else row for row in rows)


def _is_small(batch: Any) -> bool:
    """Whether Python values of a batch would stay below the limits of one record."""
    sizes = [_size(column) for column in batch.columns]
    n_values, n_bytes = (sum(numbers) for numbers in zip(*sizes, strict=True)) if sizes else (0, 0)
    return n_values <= decoding.MAX_VALUES and n_bytes <= decoding.MAX_BYTES


def _has_large_json(value: Any) -> bool:
    """Whether a text in a row may be JSON of too many values. Readers decode the messages in some columns."""
    if isinstance(value, str):
        return decoding.has_too_many_values(value)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(_has_large_json, inner))


def _size(array: Any) -> tuple[int, int]:
    """The number of values and the length of their text, also for lists, objects and repeated values."""
    import pyarrow
    import pyarrow.compute

    if isinstance(array, pyarrow.ExtensionArray):
        array = array.storage
    if isinstance(array, pyarrow.DictionaryArray):
        n_values, n_bytes = _size(array.dictionary)
        return len(array) + n_values, len(array) * n_bytes
    if pyarrow.types.is_nested(array.type):
        inner = _pairs(array) if isinstance(array, pyarrow.MapArray) else array.flatten()
        sizes = [_size(one) for one in (inner if isinstance(inner, list) else [inner])]
        return len(array) + sum(n for n, _ in sizes), sum(n for _, n in sizes)
    return len(array), array.nbytes


def _pairs(array: Any) -> list[Any]:
    """The keys and the values of a `MapArray`, which may be a slice."""
    first, last = (array.offsets[i].as_py() for i in (0, -1))
    return [part.slice(first, last - first) for part in (array.keys, array.items)]


def without_nulls(value: Any) -> Any:
    """A row without its null keys: a columnar file adds every key of any row to all rows.

    Values that JSON cannot represent, such as times, become text.
    """
    if isinstance(value, dict):
        return {str(key): without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [without_nulls(item) for item in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if value is None or isinstance(value, (str, int, float)) else str(value)
