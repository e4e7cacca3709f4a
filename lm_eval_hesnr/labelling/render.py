"""One text for the whole trajectory, with a label for every character of it.

`transcript` is plain text with short role headings, which base models read well. `chat` is the tokenizer's own chat
template; every message is found again in what the template wrote, so that a template that drops or rewrites one is
refused instead of scored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

import numpy as np

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.labelling.annotate import annotate
from lm_eval_hesnr.labels import Label
from lm_eval_hesnr.trajectories.schema import Segment, Trajectory

ChatTemplate = Callable[[list[dict[str, str]]], str]
"""Messages with `role` and `content` to the text that the model is given."""

_HEADINGS = {"system": "System", "task": "Task", "agent": "Agent", "observation": "Observation", "other": "Note"}
_CHAT_ROLES = {"system": "system", "task": "user", "agent": "assistant", "observation": "user", "other": "user"}


class Rendering(NamedTuple):
    """A trajectory as one text."""

    text: str
    labels: np.ndarray
    """(characters,) uint8, values of `Label`."""
    context_end: int
    """Where the context, the leading system and task segments, ends: the first character that may be scored."""


class _Piece(NamedTuple):
    """Text with its labels; a rendering is pieces laid end to end."""

    text: str
    labels: np.ndarray
    """(characters,) uint8."""


class _Message(NamedTuple):
    """One chat message, and the segments that it was made of, for error messages."""

    role: str
    piece: _Piece
    name: str
    is_context: bool


def transcript(trajectory: Trajectory) -> Rendering:
    """Each turn under a heading line such as `### Agent`, with an empty line after it."""
    pieces: list[_Piece] = []
    context_end, leading = 0, True
    for role, segments in _turns(trajectory):
        leading = leading and role in ("system", "task")
        turn = _joined(segments)
        pieces += [_template(f"### {_HEADINGS[role]}\n"), turn]
        if leading:
            context_end = sum(len(piece.text) for piece in pieces)
        pieces.append(_template("\n" if turn.text.endswith("\n") else "\n\n"))
    return Rendering(*_laid(pieces), context_end)


def chat(trajectory: Trajectory, template: ChatTemplate) -> Rendering:
    """The template's text. Blanks at a message's ends may go, as many templates trim; nothing else may.

    Raises:
        InputError: the template refuses the messages, or drops or rewrites one; the message is named.
    """
    messages = _messages(trajectory)
    marks = [f"\ue000{i}\ue001" for i in range(len(messages))]  # private-use characters stand for the contents
    skeleton = _apply(template, trajectory, messages, marks)
    text = _apply(template, trajectory, messages, [message.piece.text for message in messages])
    frames, rest = [], skeleton
    for mark, message in zip(marks, messages, strict=True):
        frame, found, rest = rest.partition(mark)
        if not found:
            raise InputError(f"{trajectory.id}: the chat template drops {message.name}; use render=transcript")
        frames.append(frame)
    frames.append(rest)
    pieces: list[_Piece] = []
    context_end, position, leading = 0, 0, True
    for frame, following, message in zip(frames, frames[1:], messages, strict=False):
        position += len(frame)
        content = _as_rendered(message.piece, text, position, following)
        if content is None or not text.startswith(frame, position - len(frame)):
            raise InputError(f"{trajectory.id}: the chat template rewrites {message.name}; use render=transcript")
        pieces += [_template(frame), content]
        position += len(content.text)
        leading = leading and message.is_context
        if leading:
            context_end = position
    return Rendering(*_laid([*pieces, _template(text[position:])]), context_end)


def _turns(trajectory: Trajectory) -> Iterator[tuple[str, list[Segment]]]:
    """Runs of segments by one author: thoughts and actions are the agent's."""
    for role, segments in groupby(
        trajectory.segments, lambda segment: "agent" if segment.kind in ("thought", "action") else segment.kind
    ):
        yield role, list(segments)


def _joined(segments: Iterable[Segment]) -> _Piece:
    """One turn's segments; a line end is put between two that were not one string."""
    pieces: list[_Piece] = []
    for segment in segments:
        if pieces and not segment.continues and not pieces[-1].text.endswith("\n"):
            pieces.append(_template("\n"))
        pieces.append(_Piece(_encodable(segment.text), annotate(segment)))
    return _Piece(*_laid(pieces))


def _messages(trajectory: Trajectory) -> list[_Message]:
    """Turns as chat messages; neighbours of one role become one message, as most templates want roles to alternate."""
    messages: list[_Message] = []
    for i, (role, segments) in enumerate(_turns(trajectory)):
        name = f"turn {i} ({' and '.join(dict.fromkeys(segment.kind for segment in segments))})"
        message = _Message(_CHAT_ROLES[role], _joined(segments), name, role in ("system", "task"))
        before = messages[-1] if messages else None
        if before and before.role == message.role and before.is_context == message.is_context:
            both = _Piece(*_laid([before.piece, _template("\n\n"), message.piece]))
            messages[-1] = message._replace(piece=both, name=f"{before.name} and {name}")
        else:
            messages.append(message)
    return messages


def _apply(template: ChatTemplate, trajectory: Trajectory, messages: list[_Message], contents: list[str]) -> str:
    try:
        return template([{"role": m.role, "content": content} for m, content in zip(messages, contents, strict=True)])
    except Exception as error:  # a template is a program of the model's author and may raise anything
        raise InputError(
            f"{trajectory.id}: the chat template refuses the messages ({error}); use render=transcript"
        ) from error


def _as_rendered(piece: _Piece, text: str, position: int, following: str) -> _Piece | None:
    """The piece as it stands at `position`, whole or with blanks trimmed, if the next frame follows it."""
    stripped = piece.text.strip()
    start = piece.text.find(stripped)
    for begin, end in (
        (0, len(piece.text)),
        (start, start + len(stripped)),
        (start, len(piece.text)),
        (0, start + len(stripped)),
    ):
        content = piece.text[begin:end]
        if text.startswith(content, position) and text.startswith(following, position + len(content)):
            return _Piece(content, piece.labels[begin:end])
    return None


def _template(text: str) -> _Piece:
    return _Piece(text, np.full(len(text), Label.TEMPLATE, np.uint8))


def _laid(pieces: list[_Piece]) -> _Piece:
    """Pieces end to end."""
    labels = [piece.labels for piece in pieces]
    return _Piece("".join(piece.text for piece in pieces), np.concatenate(labels) if labels else np.empty(0, np.uint8))


def _encodable(text: str) -> str:
    """The text with lone surrogates, which no tokenizer takes, as `?`: one character stays one character."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
