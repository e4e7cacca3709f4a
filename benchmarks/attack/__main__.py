"""The campaign: `python -m benchmarks.attack [--small] [--only PATTERN] [--again] [--journal FILE] [--list | --table]`.

Run it in the checkout. Each attack runs the package's commands in processes of their own, under limits of time and
memory. The result of each attack is appended to the journal, and the same command continues after a stop. Then the
table is printed. The exit status is 1 if an attack found a fault.
"""

from __future__ import annotations

import argparse
import fnmatch
import importlib
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.attack.journal import FAULT, HELD, SKIPPED, Row, add_row, as_markdown, by_kind, digest_of, read_rows
from benchmarks.attack.table import ATTACKS, REPOSITORY, TASKS, Attack, Room, SkippedError

MODULES = (
    "own_files", "special_files", "bombs", "json_shapes", "long_lines", "hostile_names", "hostile_tables",
    "bombs_in_tables", "hostile_results", "impossible_results", "sweeps", "reports", "servers", "parsers",
    "mutations", "kills", "environments", "disks", "pythons", "models",
)  # fmt: skip
"""The modules with attacks, in the order of the table."""
JOURNAL = REPOSITORY / "out" / "attack.jsonl"


def main(argv: list[str] | None = None) -> int:
    """Run the chosen attacks that have no result yet, and print the table."""
    arguments = _parser().parse_args(argv)
    for module in MODULES:
        importlib.import_module(f"benchmarks.attack.{module}")
    chosen = [one for one in ATTACKS if _is_chosen(one, arguments)]
    if arguments.list:
        print("\n".join(f"{one.kind:14} {one.name}{'  (small)' if one.small else ''}" for one in chosen))
        return 0
    code = digest_of(REPOSITORY / "lm_eval_hesnr", TASKS)
    again = arguments.again and not arguments.table
    done = {} if again else read_rows(arguments.journal, _size(arguments), code)
    if arguments.table:
        chosen = [one for one in chosen if one.name in done]
    for one in chosen:
        if one.name not in done:
            done[one.name] = row = perform(one, arguments, code)
            add_row(arguments.journal, row)
            used = f"{row.seconds:6.0f} s {row.cpu:6.0f} s of CPU time {row.megabytes:6.0f} MB"
            print(f"{row.verdict:8}{used}  {row.kind}: {row.name}", flush=True)
            for fault in row.faults:
                print(f"          {fault}", flush=True)
    rows = [done[one.name] for one in chosen]
    print(f"\n{as_markdown(rows)}\n\n{by_kind(rows)}\n\nattacked code: {code}")
    return int(any(row.verdict == FAULT for row in rows))


def perform(one: Attack, arguments: argparse.Namespace, code: str) -> Row:
    """Make one attack in a new folder, and return its row. The folder is removed."""
    folder = Path(tempfile.mkdtemp(prefix="hesnr-attack-"))
    room = Room(folder, arguments.small, arguments.python, arguments.seed, arguments.patience)
    begin, cpu, skipped = time.monotonic(), _cpu_of_children(), ""
    try:
        with _given_up_after(int(one.seconds * arguments.patience)):
            one.work(room)
    except SkippedError as reason:
        skipped = str(reason)
    except Exception as error:
        room.fault(f"the attack itself failed: {type(error).__name__}: {error}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    verdict = FAULT if room.faults else SKIPPED if skipped else HELD
    faults = room.faults
    if room.n_faults > len(faults):
        faults = [*faults[:-1], f"and {room.n_faults - len(faults) + 1} more"]
    notes = [*([skipped] if skipped else []), *room.notes]
    return Row(
        one.name, one.kind, verdict, time.monotonic() - begin, room.megabytes, faults, notes, _size(arguments),
        _cpu_of_children() - cpu, code,
    )  # fmt: skip


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@contextmanager
def _given_up_after(seconds: int) -> Iterator[None]:
    """Raise TimeoutError in the block when its time is over."""

    def _raise(*_: object) -> None:
        raise TimeoutError(f"the attack was given up after {seconds} s")

    before = signal.signal(signal.SIGALRM, _raise)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _size(arguments: argparse.Namespace) -> str:
    return "small" if arguments.small else "full"


def _is_chosen(one: Attack, arguments: argparse.Namespace) -> bool:
    patterns = [f"*{pattern}*" for pattern in arguments.only] or ["*"]
    fits = any(fnmatch.fnmatch(f"{one.kind}: {one.name}", pattern) for pattern in patterns)
    return fits and (one.small or not arguments.small)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.attack", description=(__doc__ or "").partition("\n")[2])
    parser.add_argument("--small", action="store_true", help="only the attacks of CI, in a small form: two minutes")
    parser.add_argument("--only", action="append", default=[], metavar="PATTERN", help="a part of `kind: name`")
    parser.add_argument("--again", action="store_true", help="make the attacks again that have a result")
    parser.add_argument("--journal", type=Path, default=JOURNAL, help="file of results (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--patience", type=float, default=5, help="a command may take so many times its limit of CPU time"
    )
    parser.add_argument("--python", default=sys.executable, help="the interpreter that runs the package")
    parser.add_argument("--list", action="store_true", help="print the attacks")
    parser.add_argument("--table", action="store_true", help="print the tables of what is done, and attack nothing")
    return parser


if __name__ == "__main__":
    sys.exit(main())
