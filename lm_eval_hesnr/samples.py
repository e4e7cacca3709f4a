"""The embedded sample set swe-mini, and its runs in the file formats of agents (`hesnr sample`)."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from lm_eval_hesnr.assets import TRAJECTORIES
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.messages.near import did_you_mean
from lm_eval_hesnr.results.text_table import aligned
from lm_eval_hesnr.trajectories.readers import curated
from lm_eval_hesnr.trajectories.schema import Trajectory
from lm_eval_hesnr.trajectories.writers import FILE_FORMATS, as_text
from lm_eval_hesnr.trajectories.writers.convert import convert_run
from lm_eval_hesnr.trajectories.writers.turns import split_run

CURATED = "curated"
FORMAT_NAMES = (CURATED, *FILE_FORMATS)

_ISSUE = re.compile(r"<issue>\n(.*)\n</issue>", re.DOTALL)
_SECONDS = re.compile(r"stopped after (\d+) seconds")


class Instructions(NamedTuple):
    """The texts that an agent gets before its first reply."""

    system: str
    task: str
    """A template with the fields `name`, `issue` and `seconds`."""


class Written(NamedTuple):
    """A run in a file format."""

    text: str
    """The content of the file."""
    trajectory: Trajectory
    """The run as the file contains it: the original, or the run converted to another agent's format."""


@cache
def instructions(agent: str) -> Instructions:
    """The instructions of swe-mini for one agent."""
    folder = TRAJECTORIES.parent / "prompts"
    texts = ((folder / f"{agent}.{name}.txt").read_text(encoding="utf-8") for name in Instructions._fields)
    return Instructions(*(text.removesuffix("\n") for text in texts))


def samples() -> list[Trajectory]:
    """All trajectories of the set, sorted by name."""
    lines = TRAJECTORIES.read_text(encoding="utf-8").split("\n")  # not splitlines: a line may contain Unicode line ends
    return [curated.read(json.loads(line), TRAJECTORIES) for line in lines if line]


def name_of(trajectory: Trajectory) -> str:
    """The name of the run on the command line."""
    return trajectory.id.removeprefix("swe-mini/")


def sample(name: str) -> Trajectory:
    """The run with this name.

    Raises:
        InputError: there is no such run; the message names a similar one.
    """
    by_name = {name_of(trajectory): trajectory for trajectory in samples()}
    found = by_name.get(name.removeprefix("swe-mini/"))
    if found is None:
        hint = did_you_mean(name, by_name)
        raise InputError(f"no sample {name!r}; {hint}the names are {', '.join(by_name)}")
    return found


def table(trajectories: Sequence[Trajectory]) -> list[str]:
    """A heading, then one line per run."""
    outcome = {True: "yes", False: "no", None: "unknown"}
    rows = [("name", "agent", "language", "steps", "resolved", "title")]
    for run in trajectories:
        title = str(run.meta["title"]).removeprefix(f"{name_of(run)}: ")
        steps = str(run.meta["steps"])
        rows.append((name_of(run), run.source, str(run.meta["language"]), steps, outcome[run.resolved], title))
    return aligned(rows, right=[rows[0].index("steps")])


def in_format(trajectory: Trajectory, file_format: str) -> Written:
    """The run as the content of a file.

    Args:
        trajectory: a run of swe-mini.
        file_format: one of `FORMAT_NAMES`.

    Raises:
        InputError: the format cannot contain the run; the message names the formats that can.
    """
    try:
        return _written(trajectory, file_format)
    except ValueError as error:
        possible = ", ".join(name for name in FORMAT_NAMES if _is_possible(trajectory, name))
        raise InputError(
            f"{name_of(trajectory)} cannot be written as {file_format}: {error}; it can be {possible}"
        ) from None


def ending_of(file_format: str) -> str:
    """The usual file ending of a format, by which people and agents recognise it."""
    return ".jsonl" if file_format == CURATED else FILE_FORMATS[file_format].ENDING


def lost_in(trajectory: Trajectory, file_format: str) -> str | None:
    """A message about what the format cannot contain, and how to keep it; None if nothing is lost."""
    if file_format in (CURATED, "swe-smith-xml"):
        return None
    name = "NAME" if file_format == "swe-agent" else trajectory.id
    outcome = json.dumps({name: {"resolved": trajectory.resolved}})
    message = (
        f"{file_format} files cannot contain the outcome: to keep it, write {outcome} into a file report.json in "
        "the same folder"
    )
    return f"{message}, where NAME is the file's name without its ending" if name == "NAME" else message


def changed_in(trajectory: Trajectory, file_format: str) -> str | None:
    """A message about what is replaced or left out in another agent's format; None for the run's own format."""
    if file_format in (CURATED, trajectory.source):
        return None
    own = trajectory.source
    message = f"the instructions of {own} and its way to submit the patch are replaced by those of {file_format}"
    refused = sum(turn.call is None for turn in split_run(trajectory).turns)
    return f"{message}; refused replies and the notes about them are left out ({refused})" if refused else message


def _written(trajectory: Trajectory, file_format: str) -> Written:
    if file_format == CURATED:
        return Written(json.dumps(trajectory.to_json(), ensure_ascii=False) + "\n", trajectory)
    own = trajectory if file_format == trajectory.source else carried(trajectory, file_format)
    return Written(as_text(FILE_FORMATS[file_format], own), own)


def _is_possible(trajectory: Trajectory, file_format: str) -> bool:
    try:
        _written(trajectory, file_format)
    except ValueError:
        return False
    return True


def carried(trajectory: Trajectory, file_format: str) -> Trajectory:
    """The run as another agent would have written it.

    Raises:
        ValueError: the other agent has no way to express the run.
    """
    task = "".join(segment.text for segment in trajectory.segments if segment.kind == "task")
    issue, seconds = _ISSUE.search(task), _SECONDS.search(task)
    if issue is None or seconds is None:
        raise ValueError("its task does not have the wording of swe-mini")
    texts = instructions(file_format)
    filled = texts.task.format(name=name_of(trajectory), issue=issue[1], seconds=seconds[1])
    return convert_run(trajectory, file_format, texts.system, filled)
