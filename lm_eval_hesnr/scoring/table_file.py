"""The file of a token table: its metadata and some of its columns, with checks before they are read."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from lm_eval_hesnr.files import open_regular
from lm_eval_hesnr.messages.characters import shortened
from lm_eval_hesnr.scoring.list_columns import LIST_COLUMNS, ListColumn
from lm_eval_hesnr.scoring.table_columns import Column

_LARGEST_K = 2**20
"""The vocabularies of today's models have up to 262 144 tokens."""

_MOST_ROWS = 2**24
_BYTES_PER_ROW, _BYTES_OF_ANY_TABLE = 256, 2**20
"""A row has about 40 bytes before compression. The names of the labels have less than 200 bytes per file."""


class TableFile(NamedTuple):
    """What was read of a token table."""

    signature: dict[str, Any]
    name: str
    """The name of the trajectory."""
    k: int
    """Size of the candidate set."""
    columns: pa.Table
    """The requested columns that the file has."""


def read_file(path: Path | pa.BufferReader, columns: Sequence[Column | ListColumn]) -> TableFile:
    """The metadata and these columns of a token table. The values are not checked.

    Raises:
        ValueError: the file is not a token table, is too large, or a column is missing or has another type. The message
            is the reason.
    """
    with damage_as_value_error(), open_regular(path) if isinstance(path, Path) else nullcontext(path) as source:
        file = pq.ParquetFile(source, page_checksum_verification=True)
        schema = file.schema_arrow  # made anew each time
        signature, name, k = _metadata(schema.metadata or {})
        for column in columns:
            column.check_type(schema)
        _check_size(file.metadata, schema.names, k)
        names = [column.name for column in columns]  # `read` ignores a name that does not exist
        return TableFile(signature, name, k, file.read(names))


@contextmanager
def damage_as_value_error() -> Iterator[None]:
    """Raise ValueError for everything that a damaged file makes pyarrow and numpy raise."""
    try:
        yield
    except (pa.ArrowException, OSError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"not a token table ({shortened(' '.join(str(error).split()), 300)})") from error


def _metadata(metadata: dict[bytes, bytes]) -> tuple[dict[str, Any], str, int]:
    """The signature, the trajectory's name, and k."""
    for key in (b"hesnr", b"trajectory"):
        if key not in metadata:
            raise ValueError(f"not a token table (its metadata has no {key.decode()})")
    try:
        signature = json.loads(metadata[b"hesnr"])
        name = metadata[b"trajectory"].decode()
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its metadata cannot be read ({error})") from error
    k = signature.get("k") if isinstance(signature, dict) else None
    if type(k) is not int or not 2 <= k <= _LARGEST_K:
        raise ValueError(f"its metadata has k = {reprlib.repr(k)}, expected a whole number from 2 to {_LARGEST_K}")
    return signature, name, k


def _check_size(metadata: pq.FileMetaData, names: Sequence[str], k: int) -> None:
    """Refuse a file that is small only because it is compressed, before it is decompressed.

    The size of each column is not used: pyarrow ends the process if it reads that from a damaged file.
    """
    n_rows = metadata.num_rows
    n_bytes = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    per_row = _BYTES_PER_ROW + sum(column.bytes_per_row(k) for column in LIST_COLUMNS if column.name in names)
    if n_rows > _MOST_ROWS or n_bytes > min(per_row * n_rows, _BYTES_PER_ROW * _MOST_ROWS) + _BYTES_OF_ANY_TABLE:
        raise ValueError(
            f"it has {n_rows} rows and {n_bytes} bytes, expected at most {_MOST_ROWS} rows, and {per_row} bytes per row"
        )
