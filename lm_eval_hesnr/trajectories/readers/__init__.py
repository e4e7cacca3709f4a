"""The known formats. A format is one module with `FORMAT`, `detect(data)` and `read(data, path)`.

To add one, write the module and name it in `READERS`; the first whose `detect` says yes reads the record.
A module may also say of two records how they hang together: `is_event` and `is_beginning`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from lm_eval_hesnr.errors import UnknownFormatError
from lm_eval_hesnr.trajectories.readers import (
    atif,
    claude_code,
    codex_cli,
    curated,
    mini_swe_agent,
    openai_messages,
    openhands_completions,
    openhands_events,
    openhands_rows,
    openhands_sdk,
    patch,
    sharegpt,
    swe_agent,
    swe_agent_rows,
)
from lm_eval_hesnr.trajectories.schema import Trajectory


class Reader(Protocol):
    """What a format module offers."""

    FORMAT: str
    """Its name in messages."""

    def detect(self, data: Any) -> bool:
        """Whether `data`, one decoded JSON value, is of this format, judged by its content alone."""

    def read(self, data: Any, path: Path) -> Trajectory:
        """The trajectory in `data`. `path` serves reports beside the file; raises ValueError with the reason."""


READERS: tuple[Reader, ...] = (
    curated,
    openhands_events,
    openhands_sdk,
    openhands_completions,
    openhands_rows,
    mini_swe_agent,
    swe_agent,
    swe_agent_rows,
    atif,
    claude_code,
    codex_cli,
    patch,
    sharegpt,
    openai_messages,
)


def read_record(data: Any, path: Path) -> Trajectory:
    """The trajectory in one decoded JSON value; raises ValueError with the reason when there is none."""
    for reader in READERS:
        if reader.detect(data):
            return reader.read(data, path)
    known = ", ".join(reader.FORMAT for reader in READERS)
    raise UnknownFormatError(f"no known trajectory format ({_shape(data)}); known formats: {known}")


def is_known(data: Any) -> bool:
    """Whether some reader takes the record for one of its own, readable or not."""
    return any(reader.detect(data) for reader in READERS)


def is_event(data: Any) -> bool:
    """Whether a record is one event of a run: then all records of its file or folder are one trajectory's."""
    return any(reader.is_event(data) for reader in READERS if hasattr(reader, "is_event"))


def is_beginning(earlier: Any, later: Any) -> bool:
    """Whether a record holds only the first part of what another record of the same file holds."""
    return any(reader.is_beginning(earlier, later) for reader in READERS if hasattr(reader, "is_beginning"))


def _shape(data: Any) -> str:
    """What was found, in a few words."""
    if isinstance(data, dict):
        keys = ", ".join(repr(key) for key in list(data)[:5])
        return f"an object with keys {keys}" if data else "an empty object"
    return f"a list of {len(data)}" if isinstance(data, list) else f"a bare {type(data).__name__}"
