"""The file of a token table: its metadata and some of its columns, with checks before they are read."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lm_eval_hesnr.files import open_regular
from lm_eval_hesnr.files.parquet_pages import decoded_size, row_groups
from lm_eval_hesnr.messages.characters import shortened
from lm_eval_hesnr.scoring.list_columns import LIST_COLUMNS, ListColumn
from lm_eval_hesnr.scoring.table_columns import Column, is_text

_LARGEST_K = 2**20
"""The vocabularies of today's models have up to 262 144 tokens."""

_MOST_ROWS = 2**22
"""A trajectory of so many tokens has about 16 MB of text. No model reads so much."""
_BYTES_PER_ROW, _BYTES_OF_ANY_TABLE, _MOST_BYTES = 256, 2**20, 2**31
"""A row has about 150 bytes after decoding. The names of the labels have less than 200 bytes per file."""


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
        file = _opened(source, "label")
        schema = file.schema_arrow  # made anew each time
        signature, name, k = _metadata(schema.metadata or {})
        for column in columns:
            column.check_type(schema)
        names = [column.name for column in columns]  # `read` ignores a name that does not exist
        lists = sum(column.bytes_per_row(k) for column in LIST_COLUMNS if column.name in schema.names)
        _check_size(source, file.metadata.num_rows, names, _BYTES_PER_ROW + lists)
        return TableFile(signature, name, k, file.read(names))


def read_texts(path: Path, n_tokens: int, at_most: int) -> list[str] | None:
    """The column `text` of a token table; None if it has none.

    Args:
        path: the file.
        n_tokens: the number of rows that it should have.
        at_most: the largest length of all texts together, in bytes.

    Raises:
        ValueError: the file is damaged, or the column has missing values or too much text. The message is the reason.
    """
    with damage_as_value_error(), open_regular(path) as source:
        file = _opened(source, "text")
        names, kinds = file.schema_arrow.names, file.schema_arrow.types
        if names.count("text") != 1 or not is_text(kinds[names.index("text")]):
            return None
        if sum(_decoded_sizes(source, ["text"])) > 2 * at_most:  # also the numbers of the texts
            raise ValueError(f"column text: expected at most {at_most} bytes; it has more")
        column = file.read(["text"]).column("text")
        try:
            column.validate(full=True)  # its bytes are not always UTF-8
        except pa.ArrowException as error:
            raise ValueError(f"column text cannot be read ({shortened(str(error), 300)})") from error
        n_bytes = sum(_n_bytes(chunk) for chunk in column.chunks)
        if n_bytes > at_most or column.null_count or len(column) != n_tokens:
            raise ValueError(
                f"column text: expected {n_tokens} texts of at most {at_most} bytes, found {len(column)}, "
                f"{column.null_count} of them null, with {n_bytes} bytes"
            )
        texts: list[str] = column.to_pylist()
        return texts


def _opened(source: Any, text: str) -> pq.ParquetFile:
    """The file, which has each different value of this column of texts in memory once: 200 kB can contain gigabytes."""
    metadata = pq.read_metadata(source)
    schema = metadata.schema.to_arrow_schema()
    found = [field.name for field in schema if field.name == text and is_text(field.type)]
    return pq.ParquetFile(source, metadata=metadata, page_checksum_verification=True, read_dictionary=found)


def _n_bytes(texts: pa.Array) -> int:
    """The length of all texts together."""
    if not isinstance(texts, pa.DictionaryArray):
        return int(texts.nbytes)
    lengths = pc.binary_length(texts.dictionary).cast(pa.int64()).take(texts.indices)
    return int(pc.sum(lengths).as_py() or 0)


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


def _check_size(source: Any, n_rows: int, names: Sequence[str], per_row: int) -> None:
    """Refuse a file that is small only because it is compressed, or because its values are equal, before it is read."""
    n_bytes = sum(_decoded_sizes(source, names))
    if n_rows > _MOST_ROWS or n_bytes > min(per_row * n_rows + _BYTES_OF_ANY_TABLE, _MOST_BYTES):
        raise ValueError(
            f"it has {n_rows} rows and {n_bytes} bytes, expected at most {_MOST_ROWS} rows, {per_row} bytes per row, "
            f"and {_MOST_BYTES >> 20} MiB"
        )


def _decoded_sizes(source: Any, names: Sequence[str]) -> Iterator[int]:
    """Yield the size of each column of each row group after decoding, if it is one of these."""
    for chunks in row_groups(source):
        yield from (decoded_size(source, chunk, _MOST_BYTES) for chunk in chunks if chunk.column in names)
