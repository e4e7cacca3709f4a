"""The sizes in the page headers of a Parquet file. Arrow decodes what they say, whatever the end of the file says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any, NamedTuple

_LONGEST_HEADER = 2**24
"""Bytes. Arrow refuses a longer header too."""
_PIECE = 2**9

_TYPE, _UNCOMPRESSED, _COMPRESSED = 1, 2, 3
"""Numbers of the fields of a page header. The fields 5, 7 and 8 are the description of a page of one type."""
_COUNT = 1
"""Number of the field with the number of values, in each description."""
_DESCRIPTIONS = {0: 5, 2: 7, 3: 8}
"""Page type (data, dictionary, data of version 2) -> number of the field with its description."""
_DICTIONARY = 2


class Page(NamedTuple):
    """One page, as its header describes it."""

    n_bytes: int
    """Size after decompression."""
    n_values: int


def pages(stream: IO[bytes], column: Any) -> Iterator[Page]:
    """Yield the pages that Arrow decodes for one column of a row group, from its `ColumnChunkMetaData`.

    Raises:
        ValueError: a header cannot be read.
        LookupError: a header is cut off, or it does not have a necessary field.
    """
    at = column.data_page_offset
    if column.has_dictionary_page and 0 < column.dictionary_page_offset < at:
        at = column.dictionary_page_offset
    n_values = 0
    while n_values < column.num_values:
        header, length = _header(stream, at)
        description = header.get(_DESCRIPTIONS.get(header[_TYPE], 0), {_COUNT: 0})
        page = Page(header[_UNCOMPRESSED], description[_COUNT])
        if min(*page, header[_COMPRESSED]) < 0:
            raise ValueError("a page with a negative size")
        yield page
        n_values += page.n_values if header[_TYPE] != _DICTIONARY else 0
        at += length + header[_COMPRESSED]


def _header(stream: IO[bytes], at: int) -> tuple[dict[int, Any], int]:
    """The fields of the page header at a position, and its length."""
    size = _PIECE
    while True:
        stream.seek(at)
        raw = stream.read(size)
        reader = _Compact(raw)
        try:
            return reader.struct(), reader.at
        except IndexError:
            if len(raw) < size or size >= _LONGEST_HEADER:
                raise IndexError("a page header is cut off") from None
            size *= 8


class _Compact:
    """Reads a struct in Thrift's compact protocol. Only integers and structs have values; all else is None."""

    def __init__(self, raw: bytes) -> None:
        self._raw, self.at = raw, 0

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """The fields of a struct by number."""
        if depth > 8:
            raise ValueError("a page header that is nested too deeply")
        fields: dict[int, Any] = {}
        number = 0
        while kind := self._byte():
            step, kind = kind >> 4, kind & 15
            number = number + step if step else self._integer()
            fields[number] = self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (1, 2):  # true and false
            return None
        if kind in (4, 5, 6):
            return self._integer()
        if kind == 12:
            return self.struct(depth + 1)
        if kind not in (3, 7, 8):
            raise ValueError(f"a page header with a value of type {kind}")  # the format has no lists and maps there
        length = {3: 1, 7: 8}.get(kind) or self._varint()  # a byte, a double, a text
        self.at += length
        if self.at > len(self._raw):
            raise IndexError
        return None

    def _byte(self) -> int:
        self.at += 1
        return self._raw[self.at - 1]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
            if shift > 63:
                raise ValueError("a page header with a number that is too large")

    def _integer(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
