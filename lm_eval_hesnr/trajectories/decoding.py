"""Decodes JSON values: a `Record` for each value of a file, `Bad` for a broken one, and limits on their size."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import IO, Any, NamedTuple

MAX_BYTES = 2**29
"""The longest JSON text of one value or one run, after decompression: a small .gz file can contain gigabytes."""

MAX_VALUES = 2**24
"""The most values in one JSON text or one run, counted by its commas, colons and opening brackets.

A value takes up to about 100 bytes of memory, but two bytes of text are enough for it.
"""

NO_MEMORY = "needs more memory than is available"

_PIECE = 2**16


@dataclass(frozen=True, slots=True)
class Bad:
    """Takes the place of a value or a trajectory that could not be read."""

    reason: str
    """One line."""
    is_unknown_format: bool = False
    """Whether the reason is that no reader knows the format."""


@dataclass(frozen=True, slots=True)
class Record:
    """One decoded JSON value of a file."""

    place: str
    """Where in the file, such as `line 3`; empty for a file that is one value."""
    value: Any
    """The value, or `Bad`; `Skipped` for a file that is read with another one."""
    n_bytes: int = field(default=0, compare=False)
    """Length of its JSON text."""


class Decoded(NamedTuple):
    """The result of `decoded`."""

    value: Any
    """The value, or `Bad`."""
    error: Exception | None = None


def read_rest(stream: IO[bytes], limit: int | None = None) -> bytes:
    """The rest of a stream, up to about `limit` bytes (default: `MAX_BYTES`). `read(n)` would allocate n bytes."""
    limit = MAX_BYTES if limit is None else limit
    content, size = io.BytesIO(), 0
    while size <= limit and (piece := stream.read(_PIECE)):
        size += content.write(piece)
    return content.getvalue()  # no copy


def decoded(raw: bytes) -> Decoded:
    """The value of a piece of JSON and None, or `Bad` and the error."""
    if has_too_many_values(raw):
        return Decoded(Bad(f"more than {MAX_VALUES:,} commas, colons and brackets in one value; use JSON Lines"))
    try:
        return Decoded(json.loads(raw.decode("utf-8")))
    except UnicodeDecodeError as error:
        return Decoded(Bad(f"not UTF-8 text (byte {error.start}: {error.reason})"), error)
    except json.JSONDecodeError as error:
        cut = "Unterminated" in error.msg or error.pos >= len(error.doc.rstrip()) - 1
        reason = f"not valid JSON ({error.msg}, column {error.colno})" + ("; the file seems cut off" if cut else "")
        return Decoded(Bad(reason), error)
    except RecursionError as error:
        return Decoded(Bad("JSON nested too deeply"), error)
    except ValueError as error:  # a number with thousands of digits
        return Decoded(Bad(f"not valid JSON ({error})"), error)
    except MemoryError:
        return Decoded(Bad(NO_MEMORY))


def has_too_many_values(text: bytes | str) -> bool:
    """Whether a JSON text may contain more than `MAX_VALUES` values. Marks inside of strings are counted too."""
    if len(text) <= MAX_VALUES:
        return False
    marks: tuple[Any, ...] = (",", ":", "[", "{") if isinstance(text, str) else (b",", b":", b"[", b"{")
    return sum(map(text.count, marks)) > MAX_VALUES


def n_values(value: Any) -> int:
    """The number of values and keys in a decoded value."""
    total, left = 0, [value]
    while left:
        one = left.pop()
        total += 1
        if isinstance(one, dict):
            total += len(one)
            left.extend(one.values())
        elif isinstance(one, list):
            left.extend(one)
    return total


class RunSize:
    """The size of a run. Its values are counted only if its text is long, because that takes time."""

    def __init__(self) -> None:
        self._n_bytes = self._n_values = 0
        self._not_counted: list[Any] = []

    def excess(self, record: Record) -> Bad | None:
        """Add a record. `Bad` if the run is now too large."""
        self._n_bytes += record.n_bytes
        self._not_counted.append(record.value)
        if self._n_bytes > MAX_VALUES:  # a shorter text contains fewer values
            self._n_values += n_values(self._not_counted)
            self._not_counted = []
        if self._n_bytes <= MAX_BYTES and self._n_values <= MAX_VALUES:
            return None
        return Bad(f"one run of more than {MAX_BYTES >> 20} MiB or {MAX_VALUES:,} values")


def has_extra_data(error: Exception | None) -> bool:
    """Whether decoding failed because another value follows the first one."""
    return isinstance(error, json.JSONDecodeError) and error.msg == "Extra data"
