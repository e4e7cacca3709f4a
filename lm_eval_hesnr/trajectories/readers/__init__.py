"""The known formats. A format is one module with `FORMAT`, `detect(data)` and `read(data, path)`.

To add a format, write the module and add it to `READERS`. The first module whose `detect` returns True reads the
record. A module may also have these functions:

- `is_event(data)`, if a run is several records;
- `is_beginning(earlier, later)`, if a record may repeat the beginning of another;
- `separate_runs(data)`, if one value may contain several runs, such as a session with its sub-agents. It returns the
  value of each run.

In a run of several records, those that `is_event` does not know are skipped and counted. If `is_event` knows a record
but `read` skips it, `read` counts it under `meta["unknown_records"]`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from lm_eval_hesnr.trajectories.readers import (
    aider,
    antigravity,
    atif,
    auto_code_rover,
    claude_code,
    claude_stream,
    cline,
    codex_cli,
    codex_exec,
    copilot_cli,
    curated,
    cursor,
    cursor_stream,
    droid,
    gemini_cli,
    gemini_stream,
    grok,
    hermes,
    inspect_ai,
    kimi_code,
    langchain,
    mini_swe_agent,
    openai_messages,
    opencode,
    openhands_completions,
    openhands_events,
    openhands_rows,
    openhands_sdk,
    patch,
    pi,
    qwen_code,
    responses,
    sharegpt,
    swe_agent,
    swe_agent_rows,
    tau_bench,
    trae_agent,
)
from lm_eval_hesnr.trajectories.schema import Trajectory


class Reader(Protocol):
    """What a format module contains."""

    FORMAT: str
    """The format's name in messages."""

    def detect(self, data: Any) -> bool:
        """Whether `data`, one decoded JSON value, has this format, judged by its content alone."""

    def read(self, data: Any, path: Path) -> Trajectory:
        """The trajectory in `data`, which `detect` accepted. `path` is the file, to find reports next to it.

        Raises:
            ValueError: the record is not readable; the message is the reason.
        """


READERS: tuple[Reader, ...] = (
    curated,
    opencode,
    gemini_cli,
    gemini_stream,
    qwen_code,
    kimi_code,
    copilot_cli,
    openhands_events,
    openhands_sdk,
    openhands_completions,
    openhands_rows,
    mini_swe_agent,
    swe_agent,
    swe_agent_rows,
    atif,
    antigravity,
    cursor,
    pi,
    droid,
    grok,
    hermes,
    claude_code,
    cline,
    cursor_stream,
    claude_stream,
    codex_cli,
    codex_exec,
    aider,
    trae_agent,
    tau_bench,
    inspect_ai,
    auto_code_rover,
    patch,
    langchain,
    sharegpt,
    responses,
    openai_messages,
)


def reader_of(data: Any) -> Reader | None:
    """The reader of a record: the first one that detects its format, readable or not; None for an unknown format."""
    return next((reader for reader in READERS if reader.detect(data)), None)


def known_formats() -> str:
    """How many formats are known and where they are listed, for one line of a message."""
    return (
        f"known formats: {len(READERS)}, such as SWE-agent, OpenHands, Claude Code, Codex CLI and chats; "
        "`hesnr curate --help` names all of them, and docs/formats.md describes them"
    )


def format_names() -> str:
    """The names of all formats."""
    return "; ".join(reader.FORMAT for reader in READERS)


def is_event(data: Any) -> bool:
    """Whether a record is one event of a run. Then all records of its file or folder are one trajectory."""
    return any(is_event_of(reader, data) for reader in READERS)


def is_event_of(reader: Reader, data: Any) -> bool:
    """Whether a record is one event of a run of this reader's format."""
    return hasattr(reader, "is_event") and bool(reader.is_event(data))


def is_beginning(reader: Reader, earlier: Any, later: Any) -> bool:
    """Whether a record contains only the first part of another record of the file. Both have this reader's format."""
    return hasattr(reader, "is_beginning") and bool(reader.is_beginning(earlier, later))


def separate_runs(reader: Reader, data: Any) -> list[Any]:
    """The runs in one value of this reader, such as a session and its sub-agents."""
    return list(reader.separate_runs(data)) if hasattr(reader, "separate_runs") else [data]
