"""A trajectory split into its messages: instructions, then replies, each with its answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lm_eval_hesnr.trajectories.schema import Call, Segment, Trajectory

DIFF = "diff --git "


class Turn(NamedTuple):
    """One reply of the model and the answer to it."""

    reply: tuple[Segment, ...]
    """The model's segments: any number of thoughts and actions."""
    answer: Segment | None
    """An observation, or a note (`other`); None at the end of the run."""

    @property
    def call(self) -> Call | None:
        """The reply's only call; None for a reply without a call. Raises ValueError if there are several."""
        calls = [call for segment in self.reply for call in segment.calls]
        if len(calls) > 1:
            raise ValueError(f"{len(calls)} calls in one reply; this format allows one")
        return calls[0] if calls else None


class Conversation(NamedTuple):
    """The whole run."""

    system: tuple[Segment, ...]
    task: tuple[Segment, ...]
    turns: tuple[Turn, ...]


def split_run(trajectory: Trajectory) -> Conversation:
    """Return the run's messages. Raises ValueError if a segment stands where these formats do not allow it."""
    segments = trajectory.segments
    begin = next((i for i, segment in enumerate(segments) if segment.generated), len(segments))
    system = tuple(segment for segment in segments[:begin] if segment.kind == "system")
    task = tuple(segment for segment in segments[:begin] if segment.kind == "task")
    if (*system, *task) != segments[:begin]:
        raise ValueError("expected system segments, then the task, before the first reply")
    turns: list[Turn] = []
    reply: list[Segment] = []
    for number, segment in enumerate(segments[begin:], start=begin + 1):
        if segment.generated:
            reply.append(segment)
        elif reply and segment.kind in ("observation", "other"):
            turns.append(Turn(tuple(reply), segment))
            reply = []
        else:
            raise ValueError(f"segment {number}: expected an answer to a reply, found {segment.kind}")
    return Conversation(system, task, (*turns, Turn(tuple(reply), None)) if reply else tuple(turns))


def joined_text(segments: Sequence[Segment]) -> str:
    """The one string that the segments were split from. Raises ValueError if there were several strings."""
    if any(not segment.continues for segment in segments[1:]):
        raise ValueError("a reply of several strings, such as a text and a tool call; this format has one")
    return "".join(segment.text for segment in segments)


def patch_of(trajectory: Trajectory) -> str:
    """The submitted patch, without the text before it; empty if the run ends without a patch."""
    last = trajectory.segments[-1] if trajectory.segments else None
    if last is not None and last.kind == "other" and DIFF in last.text:
        return last.text[last.text.index(DIFF) :]
    return str(trajectory.meta.get("patch", ""))
