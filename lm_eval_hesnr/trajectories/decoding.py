"""Decodes JSON values: a `Record` for each value of a file, `Bad` for a broken one, and a limit on the size."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import IO, Any, NamedTuple

MAX_BYTES = 2**29
"""The longest value that is decoded, after decompression: a few kilobytes of .gz can contain gigabytes."""

_PIECE = 2**16


@dataclass(frozen=True, slots=True)
class Bad:
    """Takes the place of a value or a trajectory that could not be read."""

    reason: str
    """One line."""
    is_unknown_format: bool = False
    """Whether the reason is that no reader knows the format."""


class Record(NamedTuple):
    """One decoded JSON value of a file."""

    place: str
    """Where in the file, such as `line 3`; empty for a file that is one value."""
    value: Any
    """The value, or `Bad`; `Skipped` for a file that is read with another one."""


def read_rest(stream: IO[bytes]) -> bytes:
    """The rest of a stream, up to about `MAX_BYTES`. A plain `read(n)` would allocate n bytes at once."""
    pieces, size = [], 0
    while size <= MAX_BYTES and (piece := stream.read(_PIECE)):
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)


def decoded(raw: bytes) -> tuple[Any, Exception | None]:
    """The value of a piece of JSON and None, or `Bad` and the error."""
    try:
        return json.loads(raw.decode("utf-8")), None
    except UnicodeDecodeError as error:
        return Bad(f"not UTF-8 text (byte {error.start}: {error.reason})"), error
    except json.JSONDecodeError as error:
        cut = "Unterminated" in error.msg or error.pos >= len(error.doc.rstrip()) - 1
        reason = f"not valid JSON ({error.msg}, column {error.colno})" + ("; the file seems cut off" if cut else "")
        return Bad(reason), error
    except RecursionError as error:
        return Bad("JSON nested too deeply"), error
    except ValueError as error:  # a number with thousands of digits
        return Bad(f"not valid JSON ({error})"), error


def has_extra_data(error: Exception | None) -> bool:
    """Whether decoding failed because another value follows the first one."""
    return isinstance(error, json.JSONDecodeError) and error.msg == "Extra data"
