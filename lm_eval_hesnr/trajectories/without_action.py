"""Trajectories without an action, and text of the model that looks like a call but was not read as one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from lm_eval_hesnr.trajectories.readers.tool_tags import TOOLS
from lm_eval_hesnr.trajectories.schema import Trajectory

_MAX_CHARACTERS = 200_000
"""How much of a trajectory's text is searched."""
_MAX_SHOWN = 3
_MAX_TAGS = 50
"""After this many different tags without their closing tag, no more tags of a text are searched."""
_NAMED = "(?P<named>function=|invoke name=)"
_ANY = re.compile(rf"<(?P<tag>[A-Za-z]\w{{1,40}})>|<{_NAMED}|^```(?P<shell>bash|sh|shell)[^\S\n]*$", re.MULTILINE)
"""Text that may be a call in a trajectory without an action."""
_OF_AGENTS = re.compile(
    rf"<(?:{_NAMED}|(?P<tag>think|thinking|execute_bash|execute_ipython|(?:tool_call|{'|'.join(sorted(TOOLS))})"
    r"(?=>\s*(?:<[a-z]|[{\[])))>)"
)
"""Text that is a call for some agent. In a trajectory with actions, only this text counts."""
_LABEL = re.compile(r"^(?P<label>Action|Act|Tool|Tool call|Command):[^\S\n]*\n?\S", re.MULTILINE)
_CLOSING = {"<function=": "</function>", "<invoke name=": "</invoke>"}
_THINKING = frozenset({"think", "thinking"})
_NAMES = (
    "think thinking reasoning answer analysis plan summary result output code pre div span html head body title link "
    "script style main nav section article header footer table thead tbody tr td th ul ol li br hr em strong img svg "
    "path input button form label option select meta h1 h2 h3 h4 h5 h6 details dl dt dd sub sup kbd file int str "
    "string float bool void object type any"
)
_NOT_CALLS = frozenset(_NAMES.split())
"""Tags of HTML and of reasoning, and names that stand in angle brackets in code."""


class UnreadCalls(NamedTuple):
    """A trajectory without an action, or with text that looks like a call."""

    place: str
    """The file of the trajectory, or its id."""
    has_action: bool
    marks: tuple[str, ...]
    """Text that looks like a call, see `call_syntax`. Without an action and without marks, it is probably a chat."""


def unread_calls(trajectory: Trajectory, place: str) -> UnreadCalls | None:
    """The finding about a trajectory; None if it has actions and no marks, or if the model wrote nothing."""
    if not any(segment.generated for segment in trajectory.segments):
        return None
    has_action, marks = trajectory.n_steps > 0, tuple(call_syntax(trajectory))
    return UnreadCalls(place, has_action, marks) if marks or not has_action else None


def call_syntax(trajectory: Trajectory) -> list[str]:
    """The tags, fences and labels in the model's thoughts that look like calls: the three most frequent ones.

    If one of these marks is inside another, only the outer one counts. If the trajectory has actions, only marks of
    agents count: a fence or another tag is then part of an explanation.
    """
    seen: Counter[str] = Counter()
    is_alone, left = trajectory.n_steps == 0, _MAX_CHARACTERS
    for segment in trajectory.segments:
        if segment.generated and segment.kind == "thought" and left > 0:
            seen.update(_marks(segment.text[:left], is_alone=is_alone))
            left -= len(segment.text)
    return [mark for mark, _ in seen.most_common(_MAX_SHOWN)]


def unread_calls_lines(found: Iterable[UnreadCalls], *, verbose: bool = False) -> Iterator[str]:
    """One line for each kind, such as `3 trajectories have no action; call syntax seen: <run_this>`.

    Args:
        found: the trajectories.
        verbose: name the places.
    """
    kinds: dict[tuple[bool, bool], list[UnreadCalls]] = {}
    for one in found:
        kinds.setdefault((one.has_action, not one.marks), []).append(one)
    for (has_action, is_chat), group in sorted(kinds.items()):
        shown = [mark for mark, _ in Counter(mark for one in group for mark in one.marks).most_common(_MAX_SHOWN)]
        line = f"{len(group)} trajector{'y has' if len(group) == 1 else 'ies have'} "
        line += "actions, but also text that looks like an unread call: " if has_action else "no action; "
        if not has_action:
            line += "no call syntax seen" if is_chat else "call syntax seen: "
        places = dict.fromkeys(one.place for one in group)
        yield line + ", ".join(shown) + (f" (in {', '.join(places)})" if verbose else "")


def _marks(text: str, *, is_alone: bool) -> Iterator[str]:
    """Yield the outermost marks in a text; with `is_alone`, also those that count only without an action."""
    pattern, position = _ANY if is_alone else _OF_AGENTS, 0
    unclosed: set[str] = set()
    while found := pattern.search(text, position):
        position, kind = found.end(), str(found.lastgroup)
        name = found[kind]
        mark = {"tag": f"<{name}>", "named": f"<{name}", "shell": f"```{name}"}[kind]
        closing = f"</{name}>" if kind == "tag" else _CLOSING.get(mark, "\n```")
        is_thinking = name.lower() in _THINKING
        if kind == "tag" and not is_thinking and name.lower() in _NOT_CALLS:
            continue
        stop = -1 if closing in unclosed or len(unclosed) > _MAX_TAGS else text.find(closing, position)
        if stop < 0:
            unclosed.add(closing)
        else:
            position = stop + len(closing)
        if not is_thinking and (stop >= 0 or kind != "tag"):
            yield mark
    for match in _LABEL.finditer(text) if is_alone else ():
        yield f"{match['label']}:"
