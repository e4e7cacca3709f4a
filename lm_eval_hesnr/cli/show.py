"""The work of `hesnr show`: one trajectory as lines for a terminal, each label in its own colour.

Trajectories are hostile text. What could move the cursor, hide or reorder text or speak to the terminal is made
visible; the only escape codes in a line are the colours put there by this module, and each line ends uncoloured.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator

import numpy as np

from lm_eval_hesnr.labelling.annotate import annotate
from lm_eval_hesnr.labels import Label
from lm_eval_hesnr.trajectories.schema import Segment, Trajectory

COLOURS = {
    Label.CODE: "32",
    Label.MARKUP: "34",
    Label.COMMENT: "33",
    Label.WHITESPACE: "100",  # a background: blanks have nothing else to colour
    Label.DECORATION: "35",
    Label.THOUGHT: "36",
    Label.OBSERVATION: "90",
    Label.SYSTEM: "95",
    Label.TASK: "94",
    Label.OTHER: "31",
}
"""SGR codes of the sixteen colours that every terminal has; none of them is the colour of a heading, bold."""

_STRANGE = re.compile(r"[^\x20-\x7e\n\t]")
_ELIDED = "…"


def lines(trajectory: Trajectory, labels: Collection[Label] | None = None, *, colours: bool = False) -> Iterator[str]:
    """The trajectory line by line, without line ends: its name, the legend when in colour, and every segment headed.

    Args:
        trajectory: what to show.
        labels: show only characters of these, with a mark where others stand between; all when None.
        colours: with escape codes.
    """
    outcome = {True: "resolved", False: "not resolved", None: "resolved or not is unknown"}[trajectory.resolved]
    model = f", model {trajectory.model}" if trajectory.model else ""
    yield _bold(one_line(f"{trajectory.id} ({trajectory.source}{model}, {outcome})"), colours)
    if colours:
        yield "  ".join(_painted(label.label_name, label) for label in COLOURS if labels is None or label in labels)
    for number, segment in enumerate(trajectory.segments, start=1):
        codes = annotate(segment)
        if labels is None or np.isin(codes, list(labels)).any():
            yield ""
            yield _bold(_heading(number, segment, codes), colours)
            yield from _body(segment.text, codes, labels, colours)


def visible(text: str) -> str:
    r"""The text with an escape such as `\x1b` for every character that a terminal would not print as itself."""
    return _STRANGE.sub(lambda found: _escaped(found[0]), text)


def _escaped(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")


def one_line(text: str) -> str:
    """The text made visible, line ends too."""
    return visible(text).replace("\n", "\\n")


def _heading(number: int, segment: Segment, codes: np.ndarray) -> str:
    """Such as `== 7 action, bash, executed: yes == code 20, markup 11`."""
    parts = [segment.kind, *(call.tool for call in segment.calls)]
    if segment.kind == "action":
        ran = Counter({True: "yes", False: "no", None: "unknown"}[call.executed] for call in segment.calls)
        parts.append(f"executed: {' and '.join(ran) or 'unknown'}")
    if segment.kind in ("thought", "action") and not segment.generated:
        parts.append("not written by the model")
    if segment.continues:
        parts.append("goes on in the same string")
    counts = ", ".join(f"{Label(code).label_name} {n}" for code, n in enumerate(np.bincount(codes)) if n)
    return one_line(f"== {number} {', '.join(parts)} == {counts or 'empty'}")


def _body(text: str, codes: np.ndarray, labels: Collection[Label] | None, colours: bool) -> Iterator[str]:
    """The text's lines. Colour ends with the line: pagers and terminals carry it on otherwise."""
    line: list[str] = []
    for label, run in _runs(text, codes, labels):
        first, *rest = visible(run).split("\n")
        line.append(_painted(first, label) if colours else first)
        for part in rest:
            yield "".join(line)
            line = [_painted(part, label) if colours else part]
    if any(line):
        yield "".join(line)


def _runs(text: str, codes: np.ndarray, labels: Collection[Label] | None) -> Iterator[tuple[Label | None, str]]:
    """Stretches of one label; those of no wanted label as one mark, unless they are blanks between wanted ones."""
    wanted = codes if labels is None else np.where(np.isin(codes, list(labels)), codes, 255)
    ends = [*(np.flatnonzero(np.diff(wanted)) + 1).tolist(), len(text)] if text else []
    start = 0
    for end in ends:
        run = text[start:end]
        if wanted[start] != 255:
            yield Label(int(wanted[start])), run
        elif run.isspace() and start > 0 and end < len(text):
            yield None, run
        else:
            yield None, _ELIDED + "\n" * ("\n" in run and end < len(text))
        start = end


def _painted(text: str, label: Label | None) -> str:
    return f"\x1b[{COLOURS[label]}m{text}\x1b[0m" if text and label is not None else text


def _bold(text: str, colours: bool) -> str:
    return f"\x1b[1m{text}\x1b[0m" if colours else text
