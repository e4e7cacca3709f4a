"""The work of `hesnr curate`: trajectories of any format, filtered and counted, as one file of the curated form.

One process reads the inputs in order; labelling and counting tokens, most of the time, may go to several. The output is
written in blocks whose ends depend on the trajectories alone, so that neither the number of processes nor a stop in
between changes a byte. A log beside the unfinished output says after every block how far it goes.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lm_eval_hesnr import __version__
from lm_eval_hesnr.curation.resumable_file import PartialOutput, files_of
from lm_eval_hesnr.errors import BadFileError, InputError
from lm_eval_hesnr.labelling.render import transcript
from lm_eval_hesnr.labels import LABEL_RULES_VERSION, Label
from lm_eval_hesnr.scoring.load_tokenizer import load_tokenizer
from lm_eval_hesnr.trajectories.load import iterate_results
from lm_eval_hesnr.trajectories.paths import files_meant
from lm_eval_hesnr.trajectories.readers import curated
from lm_eval_hesnr.trajectories.records import is_container
from lm_eval_hesnr.trajectories.schema import Trajectory
from lm_eval_hesnr.trajectories.skipped import PassedOver

BLOCK_BYTES = 2**20
"""A block ends with the trajectory that makes it this long: what a stop costs, and one frame of a .zst file."""

BLOCK_RESULTS = 1000
"""A block also ends after so many trajectories read: filters may let none of them through."""

LEFT_OUT = ("not resolved", "other source", "too long", "duplicate")
"""Why a good trajectory is not written: columns of the counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which trajectories are written; part of what an unfinished output must agree in to be continued."""

    only_resolved: bool = False
    """Only runs known to have solved their task."""
    sources: tuple[str, ...] = ()
    """Only these formats, by the names that the table shows; all when empty."""
    max_tokens: int | None = None
    """Only trajectories whose transcript has at most so many tokens of `tokenizer`."""
    tokenizer: str | None = None
    """A folder, or a name on the Hub."""
    dedupe: bool = False
    """Only the first run of each instance, in the order of the inputs, that the other filters let through."""


@dataclass(slots=True)
class Tally:
    """What was found, counted; tallies add."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(format, column) to a number: files, read, why left out, written, steps, resolved, unresolved, unknown; and
    characters by label name. Resolved or not is counted over what was read, steps and characters over what was written.
    """
    bad: list[str] = field(default_factory=list)
    """One line for each bad file or record: its name, the line, and the reason."""
    n_results: int = 0
    """How many good and bad ones were read."""
    instances: set[str] = field(default_factory=set)
    """Of what was written, where each instance is to be written once: keys of `instance_key`."""
    met: dict[Path, bool | PassedOver] = field(default_factory=dict)
    """Each file that was looked into, and whether it gave a trajectory or bad ones only, or why it gave neither. All
    events of one folder count as the first."""

    def total(self, column: str) -> int:
        """A column's sum over all formats."""
        return sum(n for (_, name), n in self.counts.items() if name == column)

    def add(self, other: Tally) -> None:
        """Count what the other counted, too."""
        self.counts.update(other.counts)
        self.bad += other.bad
        self.n_results += other.n_results
        self.instances |= other.instances

    def to_note(self) -> dict[str, Any]:
        """The tally as it stands in the log of an unfinished output; `met` is found again by reading."""
        counts = [[source, column, n] for (source, column), n in self.counts.items()]
        return {"counts": counts, "bad": self.bad, "results": self.n_results, "instances": sorted(self.instances)}

    @classmethod
    def from_note(cls, note: dict[str, Any]) -> Tally:
        """The tally in a note."""
        counts = Counter({(source, column): n for source, column, n in note["counts"]})
        return cls(counts, note["bad"], note["results"], set(note["instances"]))


class _Item(NamedTuple):
    """One result of reading."""

    path: Path
    source: str
    id: str
    instance: str
    """Its key, where each instance is to be written once."""
    column: str
    """Resolved or not, in the words of the table; empty for a bad one."""
    opens_file: bool
    line: bytes | str
    """Its line of the output; as text the reason why there is none."""


class _Measured(NamedTuple):
    """What a trajectory's line holds."""

    steps: int
    characters: list[int]
    """By label code, those of the transcript's headings too."""
    n_tokens: int
    """0 when no tokenizer was given."""


def curate(
    inputs: list[str],
    out: Path,
    wanted: Wanted,
    *,
    strict: bool = False,
    force: bool = False,
    workers: int = 1,
    progress: Callable[[Path, Tally], None] = lambda path, tally: None,
) -> Tally:
    """The counts of what was read from `inputs` and written to `out`; `out` is not made when nothing is to be written.

    An unfinished output of the same inputs, filters and package is continued, another one is begun anew.

    Raises:
        InputError: an input or the tokenizer does not exist, `out` cannot be written, or is there without `force`.
        BadFileError: `strict`, and an input is bad. What was done before it is kept for the next call.
    """
    if not out.name.endswith((".jsonl", ".jsonl.zst")):
        raise InputError(f"{out}: the output should be called .jsonl or .jsonl.zst, by which it is read again")
    if out.resolve() in (Path(given).expanduser().resolve() for given in inputs):
        raise InputError(f"{out}: is one of the inputs; give the output another name")
    if out.exists() and not force:
        raise InputError(f"{out}: is there already; give another name, or --force to write it anew")
    files = input_files(inputs, out)
    if wanted.tokenizer is not None:
        _tokenizer(wanted.tokenizer)  # fails here rather than in every process
    tally, block = Tally(), Tally()
    with PartialOutput(out, _signature(inputs, files, wanted)) as partial:
        for note in partial.notes():
            tally.add(Tally.from_note(note))
        if strict and tally.bad:
            raise BadFileError(tally.bad[0])
        items = _items(inputs, out, wanted, tally.met, skip=tally.n_results)
        for item, measured in _in_order(items, wanted, workers):
            one = _counted(item, measured, wanted, tally.instances)
            if one.total("written") and isinstance(item.line, bytes):
                partial.write(item.line)
            block.add(one)
            tally.add(one)
            if strict and tally.bad:
                raise BadFileError(tally.bad[0])
            if partial.block_bytes >= BLOCK_BYTES or block.n_results >= BLOCK_RESULTS:
                partial.end_block(block.to_note())
                block = Tally()
            progress(item.path, tally)
        partial.end_block(block.to_note())
        partial.finish()
    return tally


def input_files(inputs: list[str], out: Path) -> list[Path]:
    """Every file that the inputs mean, of any kind, each once and in order; none for a data set of the Hub.

    Raises:
        InputError: an input does not exist, or is a folder of other files; told before the work, not in its midst.
    """
    found: dict[Path, Path] = {}
    for given in inputs:
        for file in files_meant(given):
            found.setdefault(file.resolve(), file)
    for own in (out, *files_of(out)):
        found.pop(own.resolve(), None)
    return list(found.values())


def _signature(inputs: list[str], files: list[Path], wanted: Wanted) -> str:
    """What an unfinished output must agree in to be continued, as one line."""
    digest = hashlib.sha256()
    for file in files:
        if is_container(file) or str(file) in inputs:
            stat = file.stat()
            digest.update(f"{file}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
    package = f"lm_eval_hesnr {__version__}, label rules {LABEL_RULES_VERSION}"
    agreed = {"package": package, "inputs": inputs, "files": digest.hexdigest(), **asdict(wanted)}
    return json.dumps(agreed)


def instance_key(trajectory: Trajectory) -> str:
    """What two runs of one instance have in common: the instance's name, where the file tells it.

    Else the id with a digest of the text: an id alone may be a file's name that any number of runs share.
    """
    instance = trajectory.meta.get("instance_id")
    if isinstance(instance, str) and instance:
        return f"instance {instance}"
    return f"run {trajectory.id} {trajectory.digest()}"


def _items(
    inputs: list[str], out: Path, wanted: Wanted, met: dict[Path, bool | PassedOver], skip: int
) -> Iterator[_Item]:
    """What is read, behind the first `skip` results, which are read over; `met` gets the files of all."""
    last: dict[str, Path] = {}
    number = -1
    for path, result in iterate_results(inputs):
        if path.name == out.name and path.resolve() == out.resolve():
            continue
        if isinstance(result, PassedOver):
            met.setdefault(path, result)
            continue
        met[path] = isinstance(result, Trajectory) or met.get(path) is True
        number += 1
        if isinstance(result, str):
            if number >= skip:
                yield _Item(path, "", "", "", "", False, result)
            continue
        opens_file, last[result.source] = last.get(result.source) != path, path
        if number >= skip:
            column = {True: "resolved", False: "unresolved", None: "unknown"}[result.resolved]
            line = _left_out(result, wanted) or _line(result, path)
            instance = instance_key(result) if wanted.dedupe else ""
            yield _Item(path, result.source, result.id, instance, column, opens_file, line)


def _left_out(trajectory: Trajectory, wanted: Wanted) -> str:
    """Why the trajectory is not wanted, as far as can be told without its tokens; empty if it is."""
    if wanted.only_resolved and trajectory.resolved is not True:
        return "not resolved"
    return "other source" if wanted.sources and trajectory.source not in wanted.sources else ""


def _line(trajectory: Trajectory, path: Path) -> bytes | str:
    """The trajectory's line of the output, or the reason why there is none."""
    try:
        row = trajectory.to_json()
        try:
            return json.dumps(row, ensure_ascii=False).encode() + b"\n"
        except UnicodeEncodeError:  # half of a surrogate pair: UTF-8 cannot hold it, an escape can
            return json.dumps(row).encode() + b"\n"
    except (TypeError, ValueError, RecursionError) as error:
        return f"{path}: {trajectory.id!a:.100} cannot be written as JSON ({error})"


def _in_order(items: Iterator[_Item], wanted: Wanted, workers: int) -> Iterator[tuple[_Item, _Measured | str | None]]:
    """Each item with what its line holds, in the order of the items; a line that cannot be read gives the reason."""
    if workers == 1:
        for item in items:
            yield item, _measure(item.line, wanted.tokenizer) if isinstance(item.line, bytes) else None
        return
    # Started afresh: a fork would copy the threads' locks of a tokenizer or a progress bar in whatever state they are.
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _follow_the_parent)
    try:
        waiting: deque[tuple[_Item, Future[_Measured | str] | None]] = deque()
        for item in items:
            text = item.line
            future = pool.submit(_measure, text, wanted.tokenizer) if isinstance(text, bytes) else None
            waiting.append((item, future))
            if len(waiting) >= 4 * workers:  # bounds what is in memory
                first, done = waiting.popleft()
                yield first, done.result() if done else None
        for first, done in waiting:
            yield first, done.result() if done else None
    finally:
        pool.shutdown(cancel_futures=True)


def _follow_the_parent() -> None:
    """In a worker: an interrupt is the parent's affair, and when the parent is killed nothing is left to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def wait() -> None:
        if parent := multiprocessing.parent_process():
            parent.join()
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _measure(line: bytes, tokenizer: str | None) -> _Measured | str:
    """Counts of one line of the output, read as every user of the file will read it; the reason where that fails."""
    try:
        trajectory = curated.read(json.loads(line), Path())
    except (ValueError, RecursionError) as error:
        return f"its curated form cannot be read again ({error})"
    rendering = transcript(trajectory)
    return _Measured(
        steps=trajectory.n_steps,
        characters=np.bincount(rendering.labels, minlength=len(Label)).tolist(),
        n_tokens=len(_tokenizer(tokenizer)(rendering.text, verbose=False)["input_ids"]) if tokenizer else 0,
    )


@lru_cache(maxsize=1)
def _tokenizer(name: str) -> Any:
    return load_tokenizer(name, "--tokenizer")


def _counted(item: _Item, measured: _Measured | str | None, wanted: Wanted, written: set[str]) -> Tally:
    """What one result counts, given the instances already written."""
    counts: Counter[str] = Counter()
    reason = item.line if isinstance(item.line, str) else ""
    bad = reason if reason not in LEFT_OUT else ""
    if isinstance(measured, str):
        bad = f"{item.path}: {item.id!a:.100}: {measured}"
    if item.column:
        counts.update(["read", item.column], files=item.opens_file)
    if isinstance(measured, _Measured):
        if wanted.max_tokens is not None and measured.n_tokens > wanted.max_tokens:
            reason = "too long"
        elif wanted.dedupe and item.instance in written:
            reason = "duplicate"
        else:
            counts.update({label.label_name: measured.characters[label] for label in Label if label != Label.TEMPLATE})
            counts.update(written=1, steps=measured.steps)
    if reason in LEFT_OUT:
        counts[reason] += 1
    by_source = Counter({(item.source, column): n for column, n in counts.items() if n})
    own = {item.instance} if wanted.dedupe and counts["written"] else set()
    return Tally(by_source, [bad] if bad else [], 1, own)
