"""Records of Parquet files, and rows of any file with columns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.decoding import Bad, Record


def parquet_records(path: Path) -> Iterator[Record]:
    """Every row, read a few at a time."""
    import pyarrow
    import pyarrow.parquet

    number = 0
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=8):
                for row in batch.to_pylist():
                    number += 1
                    yield Record(f"row {number}", without_nulls(row))
    except (pyarrow.ArrowException, OverflowError, UnicodeDecodeError) as error:
        after = f" after row {number}" if number else ""
        yield Record("", Bad(f"not valid Parquet{after} ({str(error).splitlines()[0]:.200})"))


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
