"""One agent run as every reader gives it, and its curated JSON form (one trajectory a JSONL line)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

FORMAT = "hesnr-trajectory"
VERSION = 1

Kind = Literal["system", "task", "thought", "action", "observation", "other"]
KINDS: tuple[str, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Call:
    """What an action meant: one tool call. A shell action of any agent is tool `bash` with a `command`."""

    tool: str
    arguments: dict[str, Any]
    executed: bool | None
    """Whether the environment ran it; None when the file does not tell."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of one trajectory that has one author and one purpose."""

    kind: Kind
    text: str
    """What the model emitted, or was shown, byte for byte."""
    generated: bool = False
    """True where the model under observation wrote the text; nothing else is ever scored as thought or action."""
    calls: tuple[Call, ...] = ()
    """Actions only: what the text meant."""
    continues: bool = False
    """True where the text goes on in the very string the segment before ended in, with nothing between."""


@dataclass(frozen=True, slots=True)
class Trajectory:
    """One run of one agent on one task."""

    id: str
    source: str
    """Name of the format it was read from."""
    resolved: bool | None
    """Whether the run solved its task, by a report beside the file; None when nothing tells."""
    model: str | None
    """The model that generated it, where the file tells."""
    segments: tuple[Segment, ...]
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def n_steps(self) -> int:
        """How many actions the model wrote."""
        return sum(segment.kind == "action" and segment.generated for segment in self.segments)

    def digest(self) -> str:
        """SHA-256 of the kinds and texts of all segments, 64 hexadecimal digits; outcome and metadata do not count."""
        content = hashlib.sha256()
        for segment in self.segments:
            content.update(f"{segment.kind}\0{segment.text}\0".encode("utf-8", "surrogatepass"))
        return content.hexdigest()

    def to_json(self) -> dict[str, Any]:
        """The curated form: a dictionary that `json.dumps` takes."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "id": self.id,
            "source": self.source,
            "resolved": self.resolved,
            "model": self.model,
            "segments": [_segment_to_json(segment) for segment in self.segments],
            "meta": self.meta,
        }


def _segment_to_json(segment: Segment) -> dict[str, Any]:
    row: dict[str, Any] = {"kind": segment.kind, "text": segment.text, "generated": segment.generated}
    if segment.continues:
        row["continues"] = True
    if segment.calls:
        row["calls"] = [{"tool": c.tool, "arguments": c.arguments, "executed": c.executed} for c in segment.calls]
    return row
