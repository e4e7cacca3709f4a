"""Records of JSON and JSON Lines."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import IO, Any

from lm_eval_hesnr.trajectories import decoding
from lm_eval_hesnr.trajectories.decoding import Bad, Record, decoded, has_extra_data, read_rest

_ONE_VALUE = (b"[", b"{")
"""First lines of a file that is one value on many lines."""


def json_records(stream: IO[bytes]) -> Iterator[Record]:
    """The record of a file that is one value, or the records of a file with one value per line."""
    raw = read_rest(stream).removeprefix(b"\xef\xbb\xbf")
    if len(raw) > decoding.MAX_BYTES:
        yield Record("", Bad(f"one value of more than {decoding.MAX_BYTES >> 20} MiB; use JSON Lines"))
        return
    value, error = decoded(raw)
    if has_extra_data(error) and raw[: raw.find(b"\n") + 1].strip() not in _ONE_VALUE:
        yield from line_records(io.BytesIO(raw))
        return
    place = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
    yield Record(place, value, len(raw))


def line_records(stream: IO[bytes]) -> Iterator[Record]:
    """One record per line. If the file is one value on many lines, in spite of its ending, it is one record."""
    number = 0
    while line := stream.readline(decoding.MAX_BYTES):
        number += 1
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
            if line.strip() in _ONE_VALUE:
                yield from json_records(_Prepended(line, stream))
                return
        if len(line) == decoding.MAX_BYTES and not line.endswith(b"\n"):
            while (rest := stream.readline(decoding.MAX_BYTES)) and not rest.endswith(b"\n"):
                pass
            yield Record(f"line {number}", Bad(f"a line of more than {decoding.MAX_BYTES >> 20} MiB"))
        elif line.strip():
            value, error = decoded(line.rstrip(b"\r\n"))
            for one in (_objects(line) if has_extra_data(error) else []) or (value,):
                yield Record(f"line {number}", one, len(line))


def _objects(line: bytes) -> list[Any]:
    """The objects of a line in which the line ends between them are missing; empty for any other line."""
    text, decoder = line.decode("utf-8").strip(), json.JSONDecoder()
    found, end = [], 0
    try:
        while end < len(text):
            value, end = decoder.raw_decode(text, end)
            found.append(value)
    except (ValueError, RecursionError):
        return []
    return found if all(isinstance(value, dict) for value in found) else []


class _Prepended(io.BytesIO):
    """A line that was already read, and the rest of its stream."""

    def __init__(self, line: bytes, stream: IO[bytes]) -> None:
        super().__init__(line + read_rest(stream))
