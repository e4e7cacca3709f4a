"""Reads Thrift's compact protocol, in which Parquet files describe themselves: one field at a time, read or skipped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

INTEGERS = (4, 5, 6)
TEXT, LIST, STRUCT = 8, 9, 12
"""Types of values. An integer has 16, 32 or 64 bits."""
_BOOLEANS, _SET, _MAP = (1, 2), 10, 11
_SIZES = {3: 1, 7: 8, 13: 16}
"""Bytes of a byte, a double and a UUID."""
_DEEPEST = 16


class Compact:
    """A position in encoded bytes. Every method raises IndexError if the bytes are cut off, and ValueError if wrong."""

    def __init__(self, raw: bytes) -> None:
        self._raw, self.at = raw, 0

    def fields(self) -> Iterator[tuple[int, int]]:
        """Yield number and type of each field of a struct. The caller reads or skips the value before the next one."""
        number = 0
        while kind := self._byte():
            step, kind = kind >> 4, kind & 15
            number = number + step if step else self.integer()
            yield number, kind

    def items(self) -> Iterator[int]:
        """Yield the type of each item of a list. The caller reads or skips the item before the next one."""
        header = self._byte()
        kind, n_items = header & 15, header >> 4
        for _ in range(self._varint() if n_items == 15 else n_items):
            yield kind

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """The fields of a struct by number. Only integers and structs have values; all else is None."""
        return {number: self._value(kind, depth) for number, kind in self.fields()}

    def _value(self, kind: int, depth: int) -> Any:
        if kind in INTEGERS:
            return self.integer()
        if kind == STRUCT and depth < _DEEPEST:
            return self.struct(depth + 1)
        return self.skip(kind, depth)

    def integer(self) -> int:
        """An integer."""
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def text(self) -> bytes:
        """The bytes of a text."""
        length = self._varint()
        start = self.at
        self._step(length)
        return self._raw[start : self.at]

    def skip(self, kind: int, depth: int = 0, *, in_list: bool = False) -> None:
        """Skip a value of this type."""
        if depth > _DEEPEST:
            raise ValueError("a description that is nested too deeply")
        if kind in _BOOLEANS:
            self._step(int(in_list))  # the type of a field is its value
        elif kind in INTEGERS:
            self._varint()
        elif kind == STRUCT:
            for _, inner in self.fields():
                self.skip(inner, depth + 1)
        elif kind in (LIST, _SET):
            for inner in self.items():
                self.skip(inner, depth + 1, in_list=True)
        elif kind == _MAP:
            self._skip_map(depth)
        elif kind == TEXT or kind in _SIZES:
            self._step(_SIZES.get(kind) or self._varint())
        else:
            raise ValueError(f"a value of type {kind}")

    def _skip_map(self, depth: int) -> None:
        n_pairs = self._varint()
        kinds = self._byte() if n_pairs else 0
        for _ in range(n_pairs):
            self.skip(kinds >> 4, depth + 1, in_list=True)
            self.skip(kinds & 15, depth + 1, in_list=True)

    def _step(self, length: int) -> None:
        self.at += length
        if self.at > len(self._raw):
            raise IndexError("a description that is cut off")

    def _byte(self) -> int:
        self._step(1)
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
                raise ValueError("a number that is too large")
