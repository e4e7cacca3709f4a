"""One agent run as every reader returns it, and its curated JSON form (JSONL, one trajectory per line)."""

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
    """The parsed meaning of an action: one tool call. The shell tool of every agent is `bash` with a `command`."""

    tool: str
    arguments: dict[str, Any]
    executed: bool | None
    """Whether the environment ran the call; None if the file does not say."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a trajectory that has one author and one purpose."""

    kind: Kind
    text: str
    """What the model wrote or was shown, character by character."""
    generated: bool = False
    """True if the agent's model wrote the text. Only such text is scored as thought or action."""
    calls: tuple[Call, ...] = ()
    """The tool calls in the text; for actions only."""
    continues: bool = False
    """True if this text follows the previous segment in the same string, with nothing in between."""


@dataclass(frozen=True, slots=True)
class Trajectory:
    """One run of one agent on one task."""

    id: str
    source: str
    """Name of the format that the run was read from."""
    resolved: bool | None
    """Whether the run solved its task, according to the file or a report next to it; None if unknown."""
    model: str | None
    """Name of the model that generated the run; None if the file does not say."""
    segments: tuple[Segment, ...]
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def n_steps(self) -> int:
        """Number of actions that the model wrote."""
        return sum(segment.kind == "action" and segment.generated for segment in self.segments)

    @property
    def instance_key(self) -> str:
        """A key that all runs of one instance share: the instance's name, if the file contains it.

        Otherwise, the key is the id with a digest of the text. The id alone is not enough: it may be a file name that
        many runs share.
        """
        instance = self.meta.get("instance_id")
        if isinstance(instance, str) and instance:
            return f"instance {instance}"
        return f"run {self.id} {self.digest()}"

    def digest(self) -> str:
        """SHA-256 over kinds and texts of all segments, 64 hexadecimal digits. It leaves out outcome and metadata."""
        content = hashlib.sha256()
        for segment in self.segments:
            content.update(f"{segment.kind}\0{segment.text}\0".encode("utf-8", "surrogatepass"))
        return content.hexdigest()

    def to_json(self) -> dict[str, Any]:
        """The curated form: a dictionary for `json.dumps`."""
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
