"""What a Parquet file decodes to: the columns that its end lists, and the sizes in the page headers.

Arrow decodes what the page headers say, whatever the end of the file says. The end of the file is read here too:
pyarrow ends the process if it is asked for the column of a damaged file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

from lm_eval_hesnr.files.thrift import INTEGERS, LIST, STRUCT, TEXT, Compact

_LONGEST_HEADER = _LONGEST_FOOTER = 2**24
"""Bytes. Arrow refuses a longer header too."""
_PIECE = 2**9
_BYTES_PER_VALUE = 8
"""Assumed size of a decoded number, because a file can contain a million equal values in a few bytes."""

_TYPE, _UNCOMPRESSED, _COMPRESSED = 1, 2, 3
"""Numbers of the fields of a page header. The fields 5, 7 and 8 are the description of a page of one type."""
_COUNT = 1
"""Number of the field with the number of values, in each description."""
_DESCRIPTIONS = {0: 5, 2: 7, 3: 8}
"""Page type (data, dictionary, data of version 2) -> number of the field with its description."""
_DICTIONARY = 2

_GROUPS, _CHUNKS, _METADATA, _PATH = 4, 1, 3, 3
"""Numbers of fields at the end of a file: its row groups; their columns; the description of a column; its path."""
_N_VALUES, _SIZE, _DATA_PAGE, _DICTIONARY_PAGE = 5, 6, 9, 11
"""Numbers of fields in the description of a column."""


class Chunk(NamedTuple):
    """One column of one row group, as the end of the file describes it."""

    column: str
    """The first part of its path: the name of the whole column."""
    n_values: int
    n_bytes: int
    """Size before compression."""
    start: int
    """Position of its first page."""


class Page(NamedTuple):
    """One page, as its header describes it."""

    n_bytes: int
    """Size after decompression."""
    n_values: int


def row_groups(stream: IO[bytes]) -> Iterator[list[Chunk]]:
    """Yield the columns of each row group. Arrow has accepted the end of the file before.

    Raises:
        ValueError: the end of the file cannot be read.
        LookupError: it is cut off, or it lacks a necessary field.
    """
    reader = Compact(_footer(stream))
    for number, kind in reader.fields():
        if (number, kind) != (_GROUPS, LIST):
            reader.skip(kind)
            continue
        for _ in reader.items():
            yield list(_chunks(reader))


def decoded_size(stream: IO[bytes], chunk: Chunk, limit: int) -> int:
    """The size of a column after decoding: what its pages say, or what the end of the file says if that is more.

    Values count as 8 bytes each, and their encoded bytes are added. The pages are read until they exceed the limit.

    Raises:
        ValueError: a page header cannot be read.
        LookupError: it is cut off, or it lacks a necessary field.
    """
    said = _BYTES_PER_VALUE * chunk.n_values + chunk.n_bytes
    found = 0
    for page in _pages(stream, chunk) if said <= limit else ():
        found += page.n_bytes + _BYTES_PER_VALUE * page.n_values
        if found > limit:
            break
    return max(said, found)


def _footer(stream: IO[bytes]) -> bytes:
    stream.seek(-8, os.SEEK_END)
    size = int.from_bytes(stream.read(4), "little")
    if size > _LONGEST_FOOTER:
        raise ValueError(f"its end has {size} bytes, expected at most {_LONGEST_FOOTER}")
    stream.seek(-8 - size, os.SEEK_END)
    return stream.read(size)


def _chunks(reader: Compact) -> Iterator[Chunk]:
    """Yield the columns of one row group."""
    for number, kind in reader.fields():
        if (number, kind) != (_CHUNKS, LIST):
            reader.skip(kind)
            continue
        for _ in reader.items():
            found = None
            for inner, inner_kind in reader.fields():
                if (inner, inner_kind) == (_METADATA, STRUCT):
                    found = _chunk(reader)
                else:
                    reader.skip(inner_kind)
            if found is None:
                raise ValueError("a column without a description")
            yield found


def _chunk(reader: Compact) -> Chunk:
    numbers: dict[int, int] = {}
    path: list[bytes] = []
    for number, kind in reader.fields():
        if kind in INTEGERS:
            numbers[number] = reader.integer()
        elif (number, kind) == (_PATH, LIST):
            for inner in reader.items():
                if inner != TEXT:
                    raise ValueError("a column whose path is not text")
                path.append(reader.text())
        else:
            reader.skip(kind)
    start, dictionary = numbers[_DATA_PAGE], numbers.get(_DICTIONARY_PAGE, 0)
    start = dictionary if 0 < dictionary < start else start
    chunk = Chunk(path[0].decode("utf-8", "replace"), numbers[_N_VALUES], numbers[_SIZE], start)
    if min(chunk[1:]) < 0:
        raise ValueError(f"column {chunk.column} has a negative size")
    return chunk


def _pages(stream: IO[bytes], chunk: Chunk) -> Iterator[Page]:
    """Yield the pages that Arrow decodes for a column."""
    at, n_values = chunk.start, 0
    while n_values < chunk.n_values:
        header, length = _header(stream, at)
        kind = header[_TYPE] if isinstance(header[_TYPE], int) else -1
        description = header.get(_DESCRIPTIONS.get(kind, 0), {_COUNT: 0})
        n_in_page = description[_COUNT] if isinstance(description, dict) else None
        numbers: list[Any] = [header[_UNCOMPRESSED], n_in_page, header[_COMPRESSED]]
        if not all(isinstance(number, int) and number >= 0 for number in numbers):
            raise ValueError("a page without its sizes")
        page = Page(numbers[0], numbers[1])
        yield page
        n_values += page.n_values if kind != _DICTIONARY else 0
        at += length + header[_COMPRESSED]


def _header(stream: IO[bytes], at: int) -> tuple[dict[int, Any], int]:
    """The fields of the page header at a position, and its length."""
    size = _PIECE
    while True:
        stream.seek(at)
        raw = stream.read(size)
        reader = Compact(raw)
        try:
            return reader.struct(), reader.at
        except IndexError:
            if len(raw) < size or size >= _LONGEST_HEADER:
                raise IndexError("a page header is cut off") from None
            size *= 8
