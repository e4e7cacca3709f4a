"""The embedded sample set, swe-mini, and its runs in the file formats of agents: the work of `hesnr sample`."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from lm_eval_hesnr.assets import TRAJECTORIES
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.results.text_table import aligned
from lm_eval_hesnr.trajectories.readers import curated
from lm_eval_hesnr.trajectories.schema import Trajectory
from lm_eval_hesnr.trajectories.writers import FILE_FORMATS, as_text
from lm_eval_hesnr.trajectories.writers.convert import convert_run
from lm_eval_hesnr.trajectories.writers.turns import split_run

CURATED = "curated"
FORM_NAMES = (CURATED, *FILE_FORMATS)

_ISSUE = re.compile(r"<issue>\n(.*)\n</issue>", re.DOTALL)
_SECONDS = re.compile(r"stopped after (\d+) seconds")


class Instructions(NamedTuple):
    """What an agent is told before its first reply."""

    system: str
    task: str
    """With the fields `name`, `issue` and `seconds` to fill in."""


class Written(NamedTuple):
    """A run in a form."""

    text: str
    """The file's content."""
    trajectory: Trajectory
    """What it holds: the run, or what an agent of another style would have made of it."""


@cache
def instructions(agent: str) -> Instructions:
    """The instructions of swe-mini for agents of one style."""
    folder = TRAJECTORIES.parent / "prompts"
    texts = ((folder / f"{agent}.{name}.txt").read_text(encoding="utf-8") for name in Instructions._fields)
    return Instructions(*(text.removesuffix("\n") for text in texts))


def samples() -> list[Trajectory]:
    """All trajectories of the set, by name."""
    lines = TRAJECTORIES.read_text(encoding="utf-8").split("\n")  # a line holds other line ends of Unicode as they are
    return [curated.read(json.loads(line), TRAJECTORIES) for line in lines if line]


def name_of(trajectory: Trajectory) -> str:
    """What the run is called on the command line."""
    return trajectory.id.removeprefix("swe-mini/")


def sample(name: str) -> Trajectory:
    """The run of this name; InputError where there is none."""
    by_name = {name_of(trajectory): trajectory for trajectory in samples()}
    found = by_name.get(name.removeprefix("swe-mini/"))
    if found is None:
        near = difflib.get_close_matches(name, by_name, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InputError(f"no sample {name!r}; {hint}there are {', '.join(by_name)}")
    return found


def table(trajectories: Sequence[Trajectory]) -> list[str]:
    """A line for each run under a heading."""
    outcome = {True: "yes", False: "no", None: "unknown"}
    rows = [("name", "agent", "language", "steps", "resolved", "title")]
    for run in trajectories:
        title = str(run.meta["title"]).removeprefix(f"{name_of(run)}: ")
        steps = str(run.meta["steps"])
        rows.append((name_of(run), run.source, str(run.meta["language"]), steps, outcome[run.resolved], title))
    return aligned(rows, right=[rows[0].index("steps")])


def in_form(trajectory: Trajectory, form: str) -> Written:
    """A file of a form, by its name; InputError where the run cannot have it."""
    try:
        return _written(trajectory, form)
    except ValueError as error:
        possible = ", ".join(name for name in FORM_NAMES if _is_possible(trajectory, name))
        raise InputError(f"{name_of(trajectory)} cannot be written as {form}: {error}; it can be {possible}") from None


def ending_of(form: str) -> str:
    """How the names of files of a form end, by which people and agents know them."""
    return ".jsonl" if form == CURATED else FILE_FORMATS[form].ENDING


def lost_in(trajectory: Trajectory, form: str) -> str | None:
    """What a file of this form has no place for, and where readers look for it; None if nothing is lost."""
    if form in (CURATED, "swe-smith-xml"):
        return None
    name = "NAME" if form == "swe-agent" else trajectory.id
    outcome = json.dumps({name: {"resolved": trajectory.resolved}})
    told = f"{form} files have no place for the outcome: a report.json beside it with {outcome} tells it"
    return f"{told}; NAME, the file's without its ending, is what the run is called" if form == "swe-agent" else told


def changed_in(trajectory: Trajectory, form: str) -> str | None:
    """What was left out or replaced for the form of another agent; None for the run's own."""
    if form in (CURATED, trajectory.source):
        return None
    told = f"the instructions of {trajectory.source} and its way to hand in are replaced by those of {form}"
    refused = sum(turn.call is None for turn in split_run(trajectory).turns)
    return f"{told}; refused replies are left out with the notes about them ({refused})" if refused else told


def _written(trajectory: Trajectory, form: str) -> Written:
    if form == CURATED:
        return Written(json.dumps(trajectory.to_json(), ensure_ascii=False) + "\n", trajectory)
    held = trajectory if form == trajectory.source else carried(trajectory, form)
    return Written(as_text(FILE_FORMATS[form], held), held)


def _is_possible(trajectory: Trajectory, form: str) -> bool:
    try:
        _written(trajectory, form)
    except ValueError:
        return False
    return True


def carried(trajectory: Trajectory, form: str) -> Trajectory:
    """The run as an agent of another style would have written it; ValueError where that agent has no way to."""
    task = "".join(segment.text for segment in trajectory.segments if segment.kind == "task")
    issue, seconds = _ISSUE.search(task), _SECONDS.search(task)
    if issue is None or seconds is None:
        raise ValueError("its task is not in the words of swe-mini")
    told = instructions(form)
    filled = told.task.format(name=name_of(trajectory), issue=issue[1], seconds=seconds[1])
    return convert_run(trajectory, form, told.system, filled)
