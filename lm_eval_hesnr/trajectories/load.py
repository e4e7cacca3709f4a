"""From paths to trajectories: files, folders, globs and Hub data sets; every bad file is named, the good ones are kept.

A file holds one trajectory, or many: on lines, in rows, or as the elements of a list. Records that are events of one
run are gathered into one value: those of a JSON Lines file, and those of the files `event-*.json` of one folder.

Where events break off, the run is read up to there, named as bad, and marked by `meta["incomplete"]`: each event was
written when it happened, so all before the break is what the model saw and wrote. A file that is one JSON value and is
cut off is left out whole: it was written in one piece, its outcome stands last, and no part of it is known to be whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from lm_eval_hesnr.errors import BadFileError, InputError, UnknownFormatError
from lm_eval_hesnr.trajectories import schema
from lm_eval_hesnr.trajectories.paths import Source, sources
from lm_eval_hesnr.trajectories.readers import is_beginning, is_event, is_known, read_record
from lm_eval_hesnr.trajectories.readers.common import PartOfAnother
from lm_eval_hesnr.trajectories.readers.patch import predictions
from lm_eval_hesnr.trajectories.records import Bad, Record
from lm_eval_hesnr.trajectories.schema import Trajectory
from lm_eval_hesnr.trajectories.skipped import PART, Skipped, skipped_by_content, skipped_by_name

_UNREADABLE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What a reader may stumble into over a file that is not as its format has it: the file is bad, not the program."""


@dataclass(slots=True)
class Loaded:
    """What was found under some paths."""

    trajectories: list[Trajectory] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)
    """One line for each bad file or record: its name, the line, and the reason."""
    files: int = 0
    """Files that hold at least one trajectory."""
    skipped: Counter[Skipped] = field(default_factory=Counter)
    """How many records were skipped, by reason: nothing is wrong with them, but they are not runs."""


Result = Trajectory | Bad | Skipped
"""What one record gave. The reason of a `Bad` names the file and the place."""


def load_trajectories(paths: str | Path | Iterable[str | Path], *, strict: bool = False) -> Loaded:
    """Read every trajectory under `paths`: files, folders (searched recursively) and globs, in sorted order.

    Args:
        paths: one or more of them; `~` is expanded. `hf://org/name[/config][:split]`, or `org/name:split` where there
            is no such path, is a data set of the Hugging Face Hub.
        strict: raise at the first bad file instead of naming it in the result.

    Raises:
        InputError: a path does not exist, nothing was found, nothing good was found, or `strict` and a file is bad.
    """
    loaded = Loaded()
    last: Path | None = None
    for path, result in iterate_results(paths):
        if isinstance(result, Trajectory):
            loaded.trajectories.append(result)
            loaded.files += path != last
            last = path
        elif isinstance(result, Skipped):
            loaded.skipped[result] += 1
        elif strict:
            raise BadFileError(f"{result.reason} (strict is on: any bad file ends the run)")
        else:
            loaded.bad.append(result.reason)
    if not loaded.trajectories:
        raise InputError(f"{paths}: no trajectory could be read; {_why_nothing(loaded)}")
    return loaded


def iterate_trajectories(paths: str | Path | Iterable[str | Path]) -> Iterator[tuple[Path, Trajectory | Bad]]:
    """Each trajectory under `paths` with its file, one at a time; in place of a bad record the line that names it.

    Takes and raises what `load_trajectories` does, but for the case that nothing good was found.
    """
    for path, result in iterate_results(paths):
        if not isinstance(result, Skipped):
            yield path, result


def iterate_results(paths: str | Path | Iterable[str | Path]) -> Iterator[tuple[Path, Result]]:
    """What `iterate_trajectories` gives, and for every record that gave nothing the reason: no file goes unmentioned.

    All events of one folder are told under the name of the first.
    """
    seen: set[Path] = set()
    for given in [paths] if isinstance(paths, (str, Path)) else list(paths):
        for source in sources(given, seen):
            for result in _read(source):
                yield source.path, result


def _why_nothing(loaded: Loaded) -> str:
    if loaded.bad:
        return loaded.bad[0] + (f" (and {len(loaded.bad) - 1} more)" if loaded.bad[1:] else "")
    skipped = [str(record) + (f" ({n} times)" if n > 1 else "") for record, n in loaded.skipped.items()]
    return "skipped: " + ", ".join(skipped[:3]) + (f" and {len(skipped) - 3} more" if skipped[3:] else "")


def _read(source: Source) -> Iterator[Result]:
    """What one source holds, record by record. What is wrong with many rows of one table is named once."""
    empty = True
    named: set[Bad] = set()
    for record in _whole_runs(_gathered(source.records, source.alone)):
        empty = False
        result = _trajectory(record, source) if record else Skipped(PART, source.path)
        if record and isinstance(result, Bad):
            if result in named:
                continue
            if record.place.startswith("row "):
                named.add(result)
            result = _located(result, source, record.place)
        yield result
    if empty:
        yield _located(Bad("the file is empty"), source)


def _gathered(found: Iterator[Record], alone: bool) -> Iterator[Record]:
    """Records as readers take them: events of one run as one list, the rows of a list one by one.

    Behind a broken event nothing of the run is taken: the model wrote that after text which is missing here.
    """
    head = list(islice(found, 5))  # a first line may be broken, or of a kind that no reader knows yet
    found = chain(head, found)
    if not any(_holds(is_event, record.value) for record in head):
        for record in found:
            yield from _elements(record, alone)
        return
    events: list[Any] = []
    last = read_up_to = ""
    for record in found:
        if isinstance(record.value, Bad):
            read_up_to = last
            extent = f"read up to {last}" if events else "nothing is read, because nothing comes before it"
            yield record._replace(value=Bad(f"{record.value.reason}; {extent}"))
            break
        events.append(record.value)
        last = record.place
    if events:
        yield Record("", events, read_up_to)


def _elements(record: Record, alone: bool) -> Iterator[Record]:
    """The elements of a list that is no run itself, but whose elements are runs; else the record as it is."""
    rows = predictions(record.value) if alone and _holds(predictions, record.value) else record.value
    runs = isinstance(rows, list) and any(_holds(is_known, row) for row in rows[:5])
    if not runs or (_holds(is_known, rows) and not predictions(rows)):
        yield record
        return
    for number, row in enumerate(rows, start=1):
        yield Record(f"{record.place} item {number}".strip(), row)


def _whole_runs(found: Iterator[Record]) -> Iterator[Record | None]:
    """Records, with None in the place of one that its neighbour holds as its beginning."""
    held: Record | None = None
    for record in found:
        if held is None:
            held = record
        elif _holds(is_beginning, held.value, record.value):
            yield None
            held = record
        elif _holds(is_beginning, record.value, held.value):
            yield None
        else:
            yield held
            held = record
    if held is not None:
        yield held


def _holds(test: Callable[..., Any], *values: Any) -> bool:
    """Whether a reader's test says yes; no where it stumbles, as what is wrong is said when the record is read."""
    try:
        return bool(test(*values))
    except _UNREADABLE:
        return False


def _trajectory(record: Record, source: Source) -> Result:
    """The trajectory in a record, or why there is none."""
    if isinstance(record.value, Bad):
        return record.value
    try:
        if not source.alone and (skipped := skipped_by_content(record.value)):
            return skipped
        trajectory = _checked(read_record(record.value, source.path))
    except PartOfAnother as part:
        return Skipped(PART, part.path)
    except UnknownFormatError as error:
        skipped = None if source.alone else skipped_by_name(source.path.name, record.value)
        return skipped or Bad(str(error))
    except _UNREADABLE as error:
        return Bad(str(error) if isinstance(error, ValueError) else f"does not follow its format ({error!r})")
    if record.read_up_to:
        return replace(trajectory, meta={**trajectory.meta, "incomplete": f"read up to {record.read_up_to}"})
    return trajectory


def _checked(trajectory: Trajectory) -> Trajectory:
    """The trajectory if its values are of the types they should be: hostile files put anything anywhere."""
    if not isinstance(trajectory.id, str) or not isinstance(trajectory.model, (str, type(None))):
        raise ValueError(f"id and model should be text, found {trajectory.id!r:.40} and {trajectory.model!r:.40}")
    for i, segment in enumerate(trajectory.segments):
        if segment.kind not in schema.KINDS or not isinstance(segment.text, str):
            raise ValueError(f"segment {i} should have a kind and a text, found {segment.kind!r} {segment.text!r:.40}")
        if not all(isinstance(call.tool, str) and isinstance(call.arguments, dict) for call in segment.calls):
            raise ValueError(f"segment {i}: a call should have a name and arguments, found {segment.calls!r:.80}")
    if not trajectory.segments:
        raise ValueError("the trajectory is empty")
    return trajectory


def _located(bad: Bad, source: Source, place: str = "") -> Bad:
    """The same with file and place before the reason. Control characters from the file become blanks."""
    name = f"{source.path}, {place}" if place else f"{source.path}"
    line = f"{name}: {bad.reason if len(bad.reason) <= 500 else bad.reason[:500] + '...'}"
    return Bad("".join(c if c.isprintable() else " " for c in line))
