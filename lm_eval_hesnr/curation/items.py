"""Reads the inputs: each good or bad trajectory becomes one item."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lm_eval_hesnr.curation.filters import Filters, LeftOut
from lm_eval_hesnr.trajectories.decoding import NO_MEMORY, Bad
from lm_eval_hesnr.trajectories.load import iterate_results
from lm_eval_hesnr.trajectories.paths import Inputs
from lm_eval_hesnr.trajectories.schema import Trajectory
from lm_eval_hesnr.trajectories.skipped import Skipped
from lm_eval_hesnr.trajectories.unknown import counts_in
from lm_eval_hesnr.trajectories.without_action import UnreadCalls, unread_calls


@dataclass(frozen=True, slots=True)
class Line:
    """A trajectory as one line of the output."""

    data: bytes
    """JSON in UTF-8, with its line end."""


@dataclass(frozen=True, slots=True)
class Item:
    """One result of reading. All fields after `content` are empty if nothing could be read."""

    path: Path
    content: Line | LeftOut | Bad
    source: str = ""
    id: str = ""
    outcome: str = ""
    """The column of the counts: resolved, unresolved or unknown."""
    instance: str = ""
    """The trajectory's `instance_key` with `--dedupe`, otherwise empty."""
    opens_file: bool = False
    """Whether this is the first trajectory of its format in its file."""
    unknown_records: Counter[str] = field(default_factory=Counter)
    """Number of the session's skipped records, by type."""
    unread_calls: UnreadCalls | None = None
    """Not None for a trajectory without an action, or with text that looks like a call."""


def read_items(inputs: Inputs, filters: Filters, met: dict[Path, bool | Skipped], skip: int) -> Iterator[Item]:
    """Yield the results after the first `skip` ones. The files of all results are added to `met`, see `Tally.met`."""
    last: dict[str, Path] = {}
    number = -1
    for path, result in iterate_results(inputs):
        if isinstance(result, Skipped):
            met.setdefault(path, result)
            continue
        met[path] = isinstance(result, Trajectory) or met.get(path) is True
        number += 1
        if isinstance(result, Bad):
            if number >= skip:
                yield Item(path, result)
            continue
        opens_file, last[result.source] = last.get(result.source) != path, path
        if number >= skip:
            yield _item(path, result, filters, opens_file=opens_file)


def _item(path: Path, trajectory: Trajectory, filters: Filters, *, opens_file: bool) -> Item:
    return Item(
        path,
        filters.left_out(trajectory) or _line(trajectory, path),
        source=trajectory.source,
        id=trajectory.id,
        outcome={True: "resolved", False: "unresolved", None: "unknown"}[trajectory.resolved],
        instance=trajectory.instance_key if filters.dedupe else "",
        opens_file=opens_file,
        unknown_records=counts_in(trajectory.meta),
        unread_calls=unread_calls(trajectory, str(path)),
    )


def _line(trajectory: Trajectory, path: Path) -> Line | Bad:
    """The trajectory's line of the output; `Bad` if JSON cannot represent it."""
    try:
        return Line(json.dumps(trajectory.to_json(), ensure_ascii=False).encode() + b"\n")
    except (TypeError, ValueError, RecursionError, MemoryError) as error:
        reason = NO_MEMORY if isinstance(error, MemoryError) else error
        return Bad(f"{path}: {trajectory.id!a:.100} cannot be written as JSON ({reason})")
