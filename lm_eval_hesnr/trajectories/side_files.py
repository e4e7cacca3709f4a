"""JSON values of small files next to runs, such as reports. Values that many runs need are kept in memory."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, overload

from lm_eval_hesnr.files import open_regular
from lm_eval_hesnr.trajectories.decoding import Bad, decoded, read_rest

LARGEST = 2**26
"""The longest file that is read here, in bytes. The reports of 2,000 runs have about a tenth of it.

The values in memory come from at most this many bytes of files. The newest value is always kept.
"""

_YOUNG_NS = 2 * 10**9
"""A file whose time is so close to now may change again without a new time. So its value is not kept."""

_Key = tuple[Path, "Callable[[Any], Any] | None"]
T = TypeVar("T")

eval_logger = logging.getLogger("lm_eval.hesnr")


class _Kept(NamedTuple):
    """The value of a file, and the state of the file when it was read."""

    state: tuple[int, ...]
    value: Any
    n_bytes: int


class _Values:
    """The values that were used last. Several threads may use it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, path: _Key, state: tuple[int, ...]) -> _Kept | None:
        with self._lock:
            found = self._kept.get(path)
            if found is None or found.state != state:
                return None
            self._kept.move_to_end(path)
            return found

    def add(self, path: _Key, kept: _Kept) -> None:
        with self._lock:
            self._kept[path] = kept
            self._kept.move_to_end(path)
            while len(self._kept) > 1 and self._is_full():
                self._kept.popitem(last=False)

    def _is_full(self) -> bool:
        return sum(one.n_bytes for one in self._kept.values()) > LARGEST or len(self._kept) > 256


_values = _Values()


@overload
def json_of(path: Path, *, needle: bytes = b"", largest: int = LARGEST) -> Any: ...


@overload
def json_of(path: Path, *, derive: Callable[[Any], T], largest: int = LARGEST) -> T | None: ...


def json_of(
    path: Path, *, needle: bytes = b"", largest: int = LARGEST, derive: Callable[[Any], Any] | None = None
) -> Any:
    """The JSON value in a file; None if there is none. Do not change the value: others may get the same one.

    Args:
        path: the file. Pipes, devices and folders have no value.
        needle: bytes that the file contains if its value is needed; otherwise the result is None.
        largest: a longer file is not read, and a warning names it.
        derive: return what this function makes of the value. That is kept in place of the value, so that many runs do
            not search the same value.
    """
    try:
        with open_regular(path) as stream:
            status = os.fstat(stream.fileno())
            state = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
            kept = _values.get((path, derive), state)
            if kept is not None:
                return kept.value
            content = read_rest(stream, largest)
    except (OSError, ValueError):  # no such file, or not a regular one; a name with a NUL
        return None
    if len(content) > largest:
        eval_logger.warning("%s: larger than %d MiB, so it is not read as a file next to a run", path, largest >> 20)
        return None
    if needle not in content:
        return None
    value = decoded(content.removeprefix(b"\xef\xbb\xbf")).value
    value = None if isinstance(value, Bad) else derive(value) if derive else value
    if abs(time.time_ns() - status.st_mtime_ns) > _YOUNG_NS:
        _values.add((path, derive), _Kept(state, value, len(content)))
    return value
