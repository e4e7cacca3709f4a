"""From paths to trajectories: files, folders, globs and Hub data sets. Bad files are listed, good ones are returned.

A file contains one trajectory or many: on lines, in rows, or as the elements of a list. Records that are events of one
run are gathered into one value. Such records are the lines of one file, the files `event-*.json` of one folder, or the
files of one session in OpenCode's storage folder. Records of unknown type among them are skipped, and counted in
`meta["unknown_records"]`.

If a file of events is cut off, the run is read up to the cut, reported as bad, and marked by `meta["incomplete"]`. Each
event was written when it happened, so everything before the cut is what the model saw and wrote. If a file that is one
JSON value is cut off, it is left out. It was written in one piece, and no part of it is known to be complete.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lm_eval_hesnr.errors import BadFileError, InputError
from lm_eval_hesnr.messages.characters import shortened
from lm_eval_hesnr.trajectories.checked import checked
from lm_eval_hesnr.trajectories.decoding import Bad
from lm_eval_hesnr.trajectories.paths import Inputs, RecordGroup, find_inputs, record_groups
from lm_eval_hesnr.trajectories.readers import known_formats
from lm_eval_hesnr.trajectories.readers.common import NoReplyError, PartOfRunError
from lm_eval_hesnr.trajectories.runs import UNREADABLE, FoundRun, runs_in, unreadable
from lm_eval_hesnr.trajectories.schema import Trajectory
from lm_eval_hesnr.trajectories.skipped import NO_REPLY, PART, Skipped, skipped_by_content, skipped_by_name
from lm_eval_hesnr.trajectories.unknown import META_KEY, UnknownRecords, counts_in, noun_of


@dataclass(slots=True)
class Loaded:
    """What was found under some paths."""

    trajectories: list[Trajectory] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)
    """One line for each bad file or record: its name, the line, and the reason."""
    files: int = 0
    """Number of files that contain at least one trajectory."""
    skipped: Counter[Skipped] = field(default_factory=Counter)
    """Number of skipped records, by reason. They are not runs, and they are not errors."""
    has_unknown_format: bool = False
    """Whether a reason in `bad` is that no reader knows the format."""

    @property
    def unknown_records(self) -> Counter[str]:
        """Number of records inside the sessions that were skipped because their type is unknown, by type."""
        return sum((counts_in(trajectory.meta) for trajectory in self.trajectories), Counter())


_REASONS = 1000
"""The most reasons that are listed for one file. A hostile file may have another reason for each of its lines."""
_MORE = Bad("")
"""Stands for all further reasons."""

Result = Trajectory | Bad | Skipped
"""The result of one record. The reason of a `Bad` names the file and the place."""


def load_trajectories(
    paths: str | Path | Iterable[str | Path],
    *,
    strict: bool = False,
    is_last: Callable[[Trajectory], bool] | None = None,
) -> Loaded:
    """Read every trajectory under `paths`: files, folders (searched recursively) and globs, in sorted order.

    Args:
        paths: one or more; `~` is expanded. `hf://org/name[@revision][/config][:split]` is a data set of the Hugging
            Face Hub. `org/name[@revision]:split` is one too, if no such path exists.
        strict: raise at the first bad file instead of listing it in the result.
        is_last: called with each trajectory; if it returns True, nothing more is read. The rows of Hub data sets are
            then read in a fixed random order.

    Raises:
        InputError: a path does not exist, nothing was found, nothing good was found, or `strict` and a file is bad.
    """
    loaded = Loaded()
    last: Path | None = None
    for path, result in iterate_results(find_inputs(paths), shuffled=is_last is not None):
        if isinstance(result, Trajectory):
            loaded.trajectories.append(result)
            loaded.files += path != last
            last = path
            if is_last and is_last(result):
                break
        elif isinstance(result, Skipped):
            loaded.skipped[result] += 1
        elif strict:
            raise BadFileError(f"{_with_formats(result)} (strict is on: any bad file ends the run)")
        else:
            loaded.bad.append(result.reason)
            loaded.has_unknown_format |= result.is_unknown_format
    if not loaded.trajectories:
        raise InputError(f"{paths}: no trajectory could be read; {_why_nothing(loaded)}")
    return loaded


def iterate_trajectories(paths: str | Path | Iterable[str | Path]) -> Iterator[tuple[Path, Trajectory | Bad]]:
    """Each trajectory under `paths` with its file, one at a time, and `Bad` for each bad record.

    Takes the same paths as `load_trajectories` and raises the same errors, except when nothing good was found.
    """
    for path, result in iterate_results(find_inputs(paths)):
        if not isinstance(result, Skipped):
            yield path, result


def iterate_results(inputs: Inputs, *, shuffled: bool = False) -> Iterator[tuple[Path, Result]]:
    """Yield every result with its file, also skipped records. Every file that is read has at least one result.

    All event files of one folder have the path of the first one. With `shuffled`, the rows of Hub data sets come in a
    fixed random order.
    """
    for group in record_groups(inputs, shuffled=shuffled):
        for result in _read(group):
            yield group.path, result


def _with_formats(bad: Bad) -> str:
    """The reason, for a message that ends the program. It includes the known formats if the format is unknown."""
    return f"{bad.reason}; {known_formats()}" if bad.is_unknown_format else bad.reason


def _why_nothing(loaded: Loaded) -> str:
    if loaded.bad:
        more = f" (and {len(loaded.bad) - 1} more)" if loaded.bad[1:] else ""
        return loaded.bad[0] + more + (f"; {known_formats()}" if loaded.has_unknown_format else "")
    skipped = [str(record) + (f" ({n} times)" if n > 1 else "") for record, n in loaded.skipped.items()]
    return "skipped: " + ", ".join(skipped[:3]) + (f" and {len(skipped) - 3} more" if skipped[3:] else "")


def _read(group: RecordGroup) -> Iterator[Result]:
    """The results of one group. All records of unknown format share one line, and so do repetitions of one reason."""
    n_records = 0
    unknown = UnknownRecords()
    first_places: dict[Bad, str] = {}
    repeated: Counter[Bad] = Counter()
    for run in runs_in(group.records, alone=group.alone):
        n_records += 1
        result = _trajectory(run, group) if run else Skipped(PART, group.path)
        if run and result is None:
            unknown.add(run.place, run.value)
        elif run and isinstance(result, Bad):
            if result not in first_places and len(first_places) >= _REASONS:
                result = _MORE
                first_places.setdefault(result, run.place)
            if result in first_places:
                repeated[result] += 1
                continue
            first_places[result] = run.place
            yield _located(result, group, run.place)
        elif result:
            yield result
    n_more = repeated.pop(_MORE, 0)
    if n_more:
        yield _located(Bad(f"{n_more} more records with other reasons, the first at {first_places[_MORE]}"), group)
    for bad, n in repeated.items():
        place = first_places[bad]
        yield _located(Bad(f"{n} more {noun_of(place)}{'s' * (n > 1)} with the reason given for {place}"), group)
    if unknown:
        place = unknown.first_place if unknown.n == 1 else ""
        yield replace(_located(Bad(unknown.reason(n_records)), group, place), is_unknown_format=True)
    if not n_records:
        yield _located(Bad("the file is empty"), group)


def _trajectory(run: FoundRun, group: RecordGroup) -> Result | None:
    """The trajectory of a run, or why there is none; None if no reader knows its format."""
    if isinstance(run.value, (Bad, Skipped)):
        return run.value
    try:
        if not group.alone and (skipped := skipped_by_content(run.value)):
            return skipped
        if run.reader is None:
            return None if group.alone else skipped_by_name(group.path.name, run.value)
        trajectory = checked(run.reader.read(run.value, group.path))
    except PartOfRunError as part:
        return Skipped(PART, part.path)
    except NoReplyError:
        return Skipped(NO_REPLY)
    except UNREADABLE as error:
        return unreadable(error)
    meta: dict[str, Any] = {}
    if run.skipped:
        meta[META_KEY] = dict(counts_in(trajectory.meta) + run.skipped)
    if run.read_up_to:
        meta["incomplete"] = f"read up to {run.read_up_to}"
    return replace(trajectory, meta={**trajectory.meta, **meta}) if meta else trajectory


def _located(bad: Bad, group: RecordGroup, place: str = "") -> Bad:
    """The `Bad` with file and place before its reason. Control characters from the file become blanks."""
    name = f"{group.path}, {place}" if place else f"{group.path}"
    line = f"{name}: {shortened(bad.reason, 500)}"
    return Bad("".join(c if c.isprintable() else " " for c in line))
