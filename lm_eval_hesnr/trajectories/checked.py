"""Checks what a reader returns: the types of all values, and text that UTF-8 can represent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lm_eval_hesnr.trajectories import schema
from lm_eval_hesnr.trajectories.schema import Call, Segment, Trajectory


def checked(trajectory: Trajectory) -> Trajectory:
    r"""The trajectory, if its values have the right types. A hostile file may contain any value in any place.

    JSON can contain half of a surrogate pair (`"\ud800"`), which no encoding can represent. Two halves that follow
    one another become one character. Any other half becomes U+FFFD, as in the agents' own requests.

    Raises:
        ValueError: a value has a wrong type; the message names it.
    """
    if not isinstance(trajectory.id, str) or not isinstance(trajectory.model, (str, type(None))):
        raise ValueError(f"id and model should be text, found {trajectory.id!r:.40} and {trajectory.model!r:.40}")
    for i, segment in enumerate(trajectory.segments):
        if segment.kind not in schema.KINDS or not isinstance(segment.text, str):
            raise ValueError(f"segment {i} should have a kind and a text, found {segment.kind!r} {segment.text!r:.40}")
        if not all(isinstance(call.tool, str) and isinstance(call.arguments, dict) for call in segment.calls):
            raise ValueError(f"segment {i}: a call should have a name and arguments, found {segment.calls!r:.80}")
    if not trajectory.segments:
        raise ValueError("the trajectory is empty")
    return encodable_trajectory(trajectory)


def encodable_trajectory(trajectory: Trajectory) -> Trajectory:
    """The trajectory with half surrogate pairs replaced, as `checked` does; the same object if there are none."""
    if _is_encodable(_values(trajectory)):
        return trajectory
    return replace(
        trajectory,
        id=encodable(trajectory.id),
        source=encodable(trajectory.source),
        model=encodable(trajectory.model),
        segments=tuple(map(_encodable_segment, trajectory.segments)),
        meta=encodable(trajectory.meta),
    )


def encodable(value: Any) -> Any:
    """The value with half surrogate pairs replaced, as `checked` does, also in keys."""
    if isinstance(value, str):
        return value if _is_encodable(value) else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {encodable(key): encodable(item) for key, item in value.items()}
    return list(map(encodable, value)) if isinstance(value, (list, tuple)) else value


def _values(trajectory: Trajectory) -> list[Any]:
    """Every value of a trajectory that may contain text of the file."""
    values: list[Any] = [trajectory.id, trajectory.source, trajectory.model, trajectory.meta]
    for segment in trajectory.segments:
        values.append(segment.text)
        values.extend(part for call in segment.calls for part in (call.tool, call.arguments))
    return values


def _is_encodable(value: Any) -> bool:
    """Whether UTF-8 can represent all texts in a value, also the keys."""
    if isinstance(value, str):
        if value.isascii():
            return True
        try:
            return bool(value.encode())
        except UnicodeEncodeError:
            return False
    if isinstance(value, dict):
        return all(map(_is_encodable, value)) and all(map(_is_encodable, value.values()))
    return all(map(_is_encodable, value)) if isinstance(value, (list, tuple)) else True


def _encodable_segment(segment: Segment) -> Segment:
    calls = tuple(Call(encodable(one.tool), encodable(one.arguments), one.executed) for one in segment.calls)
    return replace(segment, text=encodable(segment.text), calls=calls)
