"""The curated format that this package writes (see schema.py): one JSON object per trajectory."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from lm_eval_hesnr.trajectories import schema
from lm_eval_hesnr.trajectories.schema import Call, Kind, Segment, Trajectory

FORMAT = "hesnr-trajectory 1"


def detect(data: Any) -> bool:
    """Whether `format` names the curated format, in any version."""
    return isinstance(data, dict) and data.get("format") == schema.FORMAT


def read(data: dict[str, Any], path: Path) -> Trajectory:
    """Return the trajectory. Raises ValueError with the segment and the key that is missing or has a wrong type."""
    if data.get("version") != schema.VERSION:
        raise ValueError(f"{schema.FORMAT} version {data.get('version')!r}; this package reads {schema.VERSION}")
    segments = _typed(data, "segments", list, "the trajectory")
    return Trajectory(
        id=_typed(data, "id", str, "the trajectory"),
        source=_typed(data, "source", str, "the trajectory"),
        resolved=_typed(data, "resolved", (bool, type(None)), "the trajectory"),
        model=_typed(data, "model", (str, type(None)), "the trajectory"),
        segments=tuple(_segment(row, f"segment {i}") for i, row in enumerate(segments)),
        meta=_optional(data, "meta", {}, "the trajectory"),
    )


def _segment(row: Any, where: str) -> Segment:
    if not isinstance(row, dict):
        raise ValueError(f"{where}: expected an object, found {type(row).__name__}")
    if row.get("kind") not in schema.KINDS:
        raise ValueError(f"{where}: unknown kind {row.get('kind')!r}; expected one of {', '.join(schema.KINDS)}")
    calls = _optional(row, "calls", [], where)
    return Segment(
        kind=cast("Kind", row["kind"]),
        text=_typed(row, "text", str, where),
        generated=_typed(row, "generated", bool, where),
        calls=tuple(_call(call, f"{where}, call {i}") for i, call in enumerate(calls)),
        continues=_optional(row, "continues", False, where),
    )


def _call(row: Any, where: str) -> Call:
    if not isinstance(row, dict):
        raise ValueError(f"{where}: expected an object, found {type(row).__name__}")
    return Call(
        tool=_typed(row, "tool", str, where),
        arguments=_typed(row, "arguments", dict, where),
        executed=_typed(row, "executed", (bool, type(None)), where),
    )


def _typed(row: dict[str, Any], key: str, kind: type | tuple[type, ...], where: str) -> Any:
    """The value of a required key; raises ValueError if it is missing or has another type."""
    if key not in row:
        raise ValueError(f"{where}: key {key!r} is missing")
    if not isinstance(row[key], kind):
        names = " or ".join(k.__name__ for k in (kind if isinstance(kind, tuple) else (kind,)))
        raise ValueError(f"{where}: key {key!r} should be {names}, found {type(row[key]).__name__}")
    return row[key]


def _optional(row: dict[str, Any], key: str, absent: Any, where: str) -> Any:
    """The value of an optional key, or `absent`. The value must have the type of `absent`.

    Null counts as absent, because tables fill empty columns with null.
    """
    return absent if row.get(key) is None else _typed(row, key, type(absent), where)
