"""`python -m lab.grader.attack`: hostile and broken edits, and what a program could try behind the check of syntax.

It prints what it saw, and its exit status is 1 if anything got out, or went over a limit.
"""

from __future__ import annotations

import argparse
import os
import resource
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lab.grader.hostile_edits import hostile_edits
from lab.grader.limits import MEMORY, NOBODY
from lab.grader.pool import SECONDS, Pool
from lab.grader.probes import PROBES
from lab.grader.workers import Workers

PROBE_HANDLER = "lab.grader.probes:answer"
WARM = 100
"""The parent's memory is read for the first time after this many edits."""
_GROWTH = 8 << 10
"""KiB that the parent may grow by."""


@dataclass(slots=True)
class Findings:
    """What an attack has seen."""

    reasons: Counter[str] = field(default_factory=Counter)
    """How often each grade was given."""
    probes: dict[str, str] = field(default_factory=dict)
    """The answer about each probe: "refused", or why the child ended. Not "done"."""
    slowest: float = 0.0
    """Seconds on the clock of the slowest edit, with the start of another child if that was needed."""
    n_children: int = 0
    grown_kib: int = 0
    """KiB by which the resident memory of this process has grown."""
    grown_files: int = 0
    """Open files of this process that were not there before."""
    child_mib: int = 0
    """Peak of the resident memory of the largest child, in MiB."""
    defences: tuple[str, ...] = ()
    """See `Worker.defences`."""
    faults: list[str] = field(default_factory=list)
    """What got out, or went over a limit."""


def attack(n: int, seed: int) -> Findings:
    """Make `n` hostile edits and all probes, and look at this process and at a folder that the children may write."""
    found = Findings()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        (folder / "canary").write_text("alive")
        (folder / "canary").chmod(0o666)
        files = _open_files()
        _edits(n, seed, found)
        _probe(folder, found)
        found.grown_files = _open_files() - files
        if sorted(path.name for path in folder.iterdir()) != ["canary"] or Path("/tmp/out").exists():
            found.faults.append(f"a child has written to {folder} or /tmp/out")
    found.child_mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
    found.faults += _faults(found)
    return found


def _edits(n: int, seed: int, found: Findings) -> None:
    with Pool(1) as pool:
        before = 0
        for i, (host, action) in enumerate(hostile_edits(n, seed)):
            start = time.monotonic()
            grade = pool.grade([host], [action])[0]
            found.slowest = max(found.slowest, time.monotonic() - start)
            found.reasons[grade.reason] += 1
            if grade.solved:
                found.faults.append(f"solved by {action[:100]!r}")
            before = _memory_kib() if i == WARM else before
        found.grown_kib = _memory_kib() - before if before else 0
        found.n_children = pool.workers.n_started


def _probe(folder: Path, found: Findings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, Workers(1, PROBE_HANDLER, SECONDS) as workers:
        place = {"folder": str(folder), "port": server.getsockname()[1], "parent": os.getpid()}
        for probe in PROBES:
            ((_, reply),) = workers.replies([{"probe": probe, **place}])
            found.probes[probe] = str(reply.failed or reply.answer)
            if reply.answer == "done":
                found.faults.append(f"a child could: {probe}")
        found.defences = workers.defences


def _faults(found: Findings) -> Iterator[str]:
    if found.child_mib > MEMORY >> 20:
        yield f"a child had {found.child_mib} MiB"
    if found.grown_kib > _GROWTH:
        yield f"this process has grown by {found.grown_kib} KiB"
    if found.grown_files > 0:
        yield f"this process has {found.grown_files} more open files"
    if os.geteuid() == 0 and (left := _processes_of(NOBODY)):
        yield f"processes of the user {NOBODY} are left: {left}"


def _processes_of(user: int) -> list[str]:
    """The ids of the living processes of a user that are children of this process."""
    found = []
    for path in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = dict(line.split(":\t", 1) for line in path.read_text().splitlines() if ":\t" in line)
        except OSError:  # it has ended
            continue
        if lines["Uid"].split()[0] == str(user) and lines["PPid"] in (str(os.getpid()), "1"):
            found.append(path.parent.name)
    return found


def _memory_kib() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() >> 10


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def main(argv: list[str] | None = None) -> int:
    """Print what an attack has seen. Returns 1 if something got out."""
    parser = argparse.ArgumentParser(prog="python -m lab.grader.attack", description=__doc__)
    parser.add_argument("-n", type=int, default=1000, help="number of edits (1000)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    found = attack(arguments.n, arguments.seed)
    print(f"{arguments.n} edits: {', '.join(f'{n} {reason}' for reason, n in found.reasons.most_common())}")
    print(f"slowest edit {found.slowest:.1f} s on the clock; {found.n_children} children; defences: {found.defences}")
    print("behind the check of syntax: " + ", ".join(f"{probe}: {reply}" for probe, reply in found.probes.items()))
    print(f"largest child {found.child_mib} MiB; this process grew by {found.grown_kib} KiB")
    print("\n".join(f"FAULT: {fault}" for fault in found.faults) or "nothing got out")
    return bool(found.faults)


if __name__ == "__main__":
    sys.exit(main())
