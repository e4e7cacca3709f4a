"""One text for the whole trajectory, with a label for every character.

`transcript` writes plain text with short role headings, which suits base models. `chat` applies the chat template of
the tokenizer. It then searches every message in the result, and raises an error if the template dropped or changed one.

Both replace half surrogate pairs as `trajectories.checked` does, because no tokenizer accepts them. Trajectories from
files have none, but a `Trajectory` that was made in Python may have some.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

import numpy as np

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.labelling.annotate import annotate
from lm_eval_hesnr.labelling.bounded_template import ChatTemplate, TemplateLimitError
from lm_eval_hesnr.labelling.budget import Budget
from lm_eval_hesnr.labels import Label
from lm_eval_hesnr.messages.characters import is_unicode
from lm_eval_hesnr.trajectories.checked import encodable_trajectory
from lm_eval_hesnr.trajectories.schema import Segment, Trajectory

_HEADINGS = {"system": "System", "task": "Task", "agent": "Agent", "observation": "Observation", "other": "Note"}
_CHAT_ROLES = {"system": "system", "task": "user", "agent": "assistant", "observation": "user", "other": "user"}


class Rendering(NamedTuple):
    """A trajectory as one text."""

    text: str
    labels: np.ndarray
    """(characters,) uint8, values of `Label`."""
    context_end: int
    """End of the context (the leading system and task segments): the first character that may be scored."""
    n_unparsed: int
    """Number of actions that are too costly to parse completely."""


class _LabelledText(NamedTuple):
    """A part of the rendered text, with its labels."""

    text: str
    labels: np.ndarray
    """(characters,) uint8."""
    n_unparsed: int = 0


class _Message(NamedTuple):
    """One chat message."""

    role: str
    content: _LabelledText
    name: str
    """Description of its turns in error messages."""
    is_context: bool


def transcript(trajectory: Trajectory) -> Rendering:
    """Render each turn under a heading such as `### Agent`, with an empty line after it."""
    trajectory = encodable_trajectory(trajectory)
    pieces: list[_LabelledText] = []
    context_end, leading = 0, True
    for role, segments in _turns(trajectory):
        leading = leading and role in ("system", "task")
        turn = _turn_text(segments)
        pieces += [_template_text(f"### {_HEADINGS[role]}\n"), turn]
        if leading:
            context_end = sum(len(piece.text) for piece in pieces)
        pieces.append(_template_text("\n" if turn.text.endswith("\n") else "\n\n"))
    return _rendering(pieces, context_end)


def chat(trajectory: Trajectory, template: ChatTemplate) -> Rendering:
    """Render with a chat template. The template may remove whitespace around a message, but change nothing else.

    Raises:
        InputError: the template refuses the messages, or drops or rewrites one of them.
    """
    trajectory = encodable_trajectory(trajectory)
    messages = _messages(trajectory)
    marks = [f"\ue000{i}\ue001" for i in range(len(messages))]  # placeholders, in private-use characters
    skeleton = _apply_template(template, trajectory, messages, marks)
    text = _apply_template(template, trajectory, messages, [message.content.text for message in messages])
    frames = _frames(skeleton, marks, messages, trajectory)
    pieces: list[_LabelledText] = []
    context_end, position, leading = 0, 0, True
    for frame, following, message in zip(frames, frames[1:], messages, strict=False):
        position += len(frame)
        content = _as_rendered(message.content, text, position, following)
        if content is None or not text.startswith(frame, position - len(frame)):
            raise InputError(f"{trajectory.id}: the chat template rewrites {message.name}; use render=transcript")
        pieces += [_template_text(frame), content]
        position += len(content.text)
        leading = leading and message.is_context
        if leading:
            context_end = position
    return _rendering([*pieces, _template_text(text[position:])], context_end)


def _frames(skeleton: str, marks: list[str], messages: list[_Message], trajectory: Trajectory) -> list[str]:
    """The template's own text before, between and after the messages.

    Raises:
        InputError: a message is missing from the skeleton.
    """
    frames, rest = [], skeleton
    for mark, message in zip(marks, messages, strict=True):
        frame, found, rest = rest.partition(mark)
        if not found:
            raise InputError(f"{trajectory.id}: the chat template drops {message.name}; use render=transcript")
        frames.append(frame)
    return [*frames, rest]


def _turns(trajectory: Trajectory) -> Iterator[tuple[str, list[Segment]]]:
    """Yield each role with its neighbouring segments. Thoughts and actions both have the role of the agent."""
    for role, segments in groupby(trajectory.segments, _role):
        yield role, list(segments)


def _role(segment: Segment) -> str:
    return "agent" if segment.kind in ("thought", "action") else segment.kind


def _turn_text(segments: Iterable[Segment]) -> _LabelledText:
    """The text of one turn. A line end is added between two segments, unless they were one string in the file."""
    pieces: list[_LabelledText] = []
    for segment in segments:
        if pieces and not segment.continues and not pieces[-1].text.endswith("\n"):
            pieces.append(_template_text("\n"))
        budget = Budget()
        labels = annotate(segment, budget)
        pieces.append(_LabelledText(segment.text, labels, budget.n_unparsed > 0))
    return _concatenate(pieces)


def _messages(trajectory: Trajectory) -> list[_Message]:
    """Turns as chat messages. Neighbours of one role are merged, because most templates require alternating roles."""
    messages: list[_Message] = []
    for i, (role, segments) in enumerate(_turns(trajectory)):
        name = f"turn {i} ({' and '.join(dict.fromkeys(segment.kind for segment in segments))})"
        message = _Message(_CHAT_ROLES[role], _turn_text(segments), name, role in ("system", "task"))
        before = messages[-1] if messages else None
        if before and before.role == message.role and before.is_context == message.is_context:
            both = _concatenate([before.content, _template_text("\n\n"), message.content])
            messages[-1] = message._replace(content=both, name=f"{before.name} and {name}")
        else:
            messages.append(message)
    return messages


def _apply_template(
    template: ChatTemplate, trajectory: Trajectory, messages: list[_Message], contents: list[str]
) -> str:
    """The template's text for the messages, with `contents` instead of their own."""
    try:
        text = template([{"role": m.role, "content": content} for m, content in zip(messages, contents, strict=True)])
    except TemplateLimitError as error:
        raise InputError(f"{trajectory.id}: {error}; use render=transcript, or another template") from error
    except Exception as error:  # a template is a program and may raise anything
        raise InputError(
            f"{trajectory.id}: the chat template refuses the messages ({error}); use render=transcript"
        ) from error
    if not is_unicode(text):
        raise InputError(
            f"{trajectory.id}: the chat template writes a lone surrogate, which no tokenizer accepts; use "
            "render=transcript"
        )
    return text


def _as_rendered(content: _LabelledText, text: str, position: int, following: str) -> _LabelledText | None:
    """The part of `content` at `position`, whole or trimmed, if `following` comes after it; otherwise None."""
    stripped = content.text.strip()
    start = content.text.find(stripped)
    for begin, end in (
        (0, len(content.text)),
        (start, start + len(stripped)),
        (start, len(content.text)),
        (0, start + len(stripped)),
    ):
        part = content.text[begin:end]
        if text.startswith(part, position) and text.startswith(following, position + len(part)):
            return _LabelledText(part, content.labels[begin:end], content.n_unparsed)
    return None


def _template_text(text: str) -> _LabelledText:
    return _LabelledText(text, np.full(len(text), Label.TEMPLATE, np.uint8))


def _concatenate(pieces: list[_LabelledText]) -> _LabelledText:
    """Join texts and labels."""
    labels = np.concatenate([np.empty(0, np.uint8), *(piece.labels for piece in pieces)])
    return _LabelledText("".join(piece.text for piece in pieces), labels, sum(piece.n_unparsed for piece in pieces))


def _rendering(pieces: list[_LabelledText], context_end: int) -> Rendering:
    text, labels, n_unparsed = _concatenate(pieces)
    return Rendering(text, labels, context_end, n_unparsed)
