"""Trajectories with text of the model but no action, and what in that text looks like a call that no reader knows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from lm_eval_hesnr.trajectories.schema import Trajectory

_MAX_CHARACTERS = 200_000
"""How much of a trajectory's text is searched."""
_MAX_SHOWN = 3
_MAX_TAGS = 50
"""How many different tags of one text are searched for their closing tag."""
_TAG = re.compile(
    r"<(?P<tag>[A-Za-z]\w{1,40})>|<(?P<named>function=|invoke name=)|^```(?P<shell>bash|sh|shell)[^\S\n]*$",
    re.MULTILINE,
)
_LABEL = re.compile(r"^(?P<label>Action|Act|Tool|Tool call|Command):[^\S\n]*\n?\S", re.MULTILINE)
_NAMES = (
    "think thinking reasoning answer analysis plan summary result output code pre div span html head body title link "
    "script style main nav section article header footer table thead tbody tr td th ul ol li br hr em strong img svg "
    "path input button form label option select meta h1 h2 h3 h4 h5 h6 details dl dt dd sub sup kbd file int str "
    "string float bool void object type any"
)
_NOT_CALLS = frozenset(_NAMES.split())
"""Tags of HTML and of reasoning, and names that stand in angle brackets in code."""


def is_without_action(trajectory: Trajectory) -> bool:
    """Whether the model wrote text in the trajectory but no action."""
    return trajectory.n_steps == 0 and any(segment.generated for segment in trajectory.segments)


def call_syntax(trajectory: Trajectory) -> list[str]:
    """The marks in the model's text that look like calls, the most frequent first; at most three."""
    seen: Counter[str] = Counter()
    left = _MAX_CHARACTERS
    for segment in trajectory.segments:
        if segment.generated and left > 0:
            seen.update(_marks(segment.text[:left]))
            left -= len(segment.text)
    return [mark for mark, _ in seen.most_common(_MAX_SHOWN)]


def without_action_line(n_trajectories: int, marks: Iterable[str]) -> str:
    """For example `3 trajectories have no action; call syntax seen: <execute_command>`. `marks` may repeat."""
    is_one = n_trajectories == 1
    shown = [mark for mark, _ in Counter(marks).most_common(_MAX_SHOWN)]
    have = f"{n_trajectories} trajector{'y has' if is_one else 'ies have'} no action"
    return f"{have}; call syntax seen: {', '.join(shown)}" if shown else f"{have}; no call syntax seen"


def _marks(text: str) -> Iterable[str]:
    closed: dict[str, bool] = {}
    for match in _TAG.finditer(text):
        tag = match["tag"]
        if tag is None:
            yield f"<{match['named']}" if match["named"] else f"```{match['shell']}"
        elif tag.lower() not in _NOT_CALLS and (len(closed) < _MAX_TAGS or tag in closed):
            if tag not in closed:
                closed[tag] = f"</{tag}>" in text
            if closed[tag]:
                yield f"<{tag}>"
    for match in _LABEL.finditer(text):
        yield f"{match['label']}:"
