"""Attacks through the environment: options of the interpreter, locales, HOME, standard streams, signals."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.attack import inputs
from benchmarks.attack.limits import Finished
from benchmarks.attack.table import Room, SkippedError, attack
from benchmarks.attack.verdict import last_line

WIDE = "söme 漢字 😀 ‘quoted’"
OURS = re.compile(r"^\S*lm_eval_hesnr/\S+\.py:\d+: \w*Warning: .*$", re.MULTILINE)
"""A warning that our code causes."""


def everything(
    room: Room, *, python: Sequence[str] = (), run: bool = True, environment: dict[str, str] | None = None
) -> list[Finished]:
    """Use every command on good input with wide characters, and check that the numbers exist."""
    inputs.write_rows(room.folder / "in.jsonl", [inputs.row(WIDE, segments=_segments()), inputs.row("second")])
    options: dict[str, Any] = {"python": python, "environment": environment or room.environment()}
    done = [
        room.hesnr("curate", "in.jsonl", "-o", "out.jsonl", "--force", **options),
        room.hesnr("show", "in.jsonl", "--plain", **options),
        room.hesnr("sample", **options),
    ]
    if run:
        metadata = {"trajectories": "in.jsonl", "token_table": "tables"}
        done.append(room.lm_eval(metadata, "--output_path", "results", "--log_samples", **options))
        room.expect("he_snr" in done[-1].stdout, "no table of results")
        done.append(room.hesnr("measure", "tables", **options))
        results = list((room.folder / "results").rglob("results_*.json"))
        room.expect(bool(results), "no results file")
        if results:
            done.append(room.hesnr("diagnose", *results, statuses=(0, 1), **options))
            done += [room.hesnr("export", *results, "--to", name, **options) for name in ("csv", "markdown", "latex")]
            done.append(room.hesnr("measure", "tables", *results, statuses=(0, 1), **options))
    return done


def _segments() -> list[dict[str, object]]:
    segments = inputs.row()["segments"]
    return [*segments, {"kind": "observation", "text": WIDE, "generated": False}]


@attack("environments", small=True)
def warnings_as_errors(room: Room) -> None:
    """`-W error -X dev` with every command of `hesnr`."""
    everything(room, python=("-W", "error", "-X", "dev"), run=False)


@attack("environments")
def warnings_of_a_whole_run(room: Room) -> None:
    """`-W default -X dev` with `lm_eval`: no warning that our code causes. Those of other packages count not."""
    for done in everything(room, python=("-W", "default", "-X", "dev")):
        for warning in OURS.findall(done.stderr):
            room.fault(warning)


@attack("environments", small=True)
def optimised_interpreter(room: Room) -> None:
    """`PYTHONOPTIMIZE` removes asserts, and 2 also docstrings. Only transformers needs these, and one line says so."""
    without_docstrings = room.environment(PYTHONOPTIMIZE="2")
    everything(room, environment=without_docstrings, run=False)
    if not room.small:
        everything(room, environment=room.environment(PYTHONOPTIMIZE="1"))
        done = room.lm_eval({"trajectories": "in.jsonl"}, statuses=(0, 1), environment=without_docstrings)
        room.expect(done.status == 0 or "PYTHONOPTIMIZE=2" in last_line(done), f"another line: {last_line(done)}")


def _locale(**changed: str | None) -> Callable[[Room], None]:
    return lambda room: _in_locale(room, changed)


def _in_locale(room: Room, changed: dict[str, str | None]) -> None:
    name = changed.get("LC_ALL") or ""
    if name.startswith("tr_") and name not in subprocess.run(["locale", "-a"], capture_output=True, text=True).stdout:
        raise SkippedError(f"the locale {name} is not installed")
    run = not room.small and ("LC_ALL" in changed or "PYTHONIOENCODING" in changed)
    everything(room, environment=room.environment(LANG=None, **changed), run=run)


for _name, _changed in (
    ("LC_ALL=C", {"LC_ALL": "C"}),
    ("LC_ALL=C without UTF-8", {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    ("LC_ALL=POSIX without UTF-8", {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    ("PYTHONIOENCODING=ascii", {"PYTHONIOENCODING": "ascii"}),
    ("PYTHONIOENCODING=latin-1", {"PYTHONIOENCODING": "latin-1"}),
    ("LC_ALL=tr_TR.utf8", {"LC_ALL": "tr_TR.utf8"}),
    ("terminal of 1 column", {"COLUMNS": "1", "LINES": "1"}),
    ("terminal of 0 columns", {"COLUMNS": "0"}),
    ("COLUMNS is no number", {"COLUMNS": "abc"}),
    ("unknown time zone", {"TZ": "No/Such"}),
):
    attack("environments", name=_name, small=_name == "LC_ALL=C without UTF-8")(_locale(**_changed))


@attack("environments")
def no_home(room: Room) -> None:
    """HOME is not set, does not exist, or is a file."""
    (room.folder / "file").write_text("x")
    for home in (None, "/no/such/home", str(room.folder / "file")):
        fresh = dict.fromkeys(("HF_HOME", "XDG_CACHE_HOME", "HF_DATASETS_CACHE", "TRANSFORMERS_CACHE"))
        everything(room, environment=room.environment(HOME=home, **fresh))


@attack("environments")
def no_folder_for_temporary_files(room: Room) -> None:
    """TMPDIR does not exist: another one is used, or one line says so."""
    everything(room, environment=room.environment(TMPDIR="/no/such/folder"), run=False)


@attack("environments", small=True)
def standard_streams(room: Room) -> None:
    """Closed and full streams: no traceback; an error if the output cannot be written."""
    inputs.write_rows(room.folder / "in.jsonl", [inputs.row(f"{n}") for n in range(50)])
    hesnr = f"{room.python} -m lm_eval_hesnr.cli"
    for what, line in (
        ("stdout is closed", f"{hesnr} show in.jsonl --plain >&-"),
        ("stderr is closed", f"{hesnr} show no-such.jsonl --plain 2>&-"),
        ("all are closed", f"{hesnr} curate in.jsonl -o closed.jsonl <&- >&- 2>&-"),
        ("stdin is closed", f"{hesnr} curate in.jsonl -o stdin.jsonl <&-"),
        ("the reader has gone", f"{hesnr} show in.jsonl --plain | head -c 10"),
        ("the reader of sample has gone", f"{hesnr} sample --form curated | head -c 1"),
    )[: 3 if room.small else None]:
        room.run(["bash", "-c", line], statuses=(0, 1, 2), what=what)
    for command in ("show in.jsonl --plain", "sample", "curate in.jsonl -o full.jsonl"):
        done = room.run(["bash", "-c", f"{hesnr} {command} > /dev/full"], statuses=(1, 2), what=f"/dev/full: {command}")
        room.expect(bool(done.stderr.strip()), f"/dev/full: {command}: nothing says that the output is lost")


@attack("environments")
def few_open_files(room: Room) -> None:
    """A folder with 300 files, and at most 24 open files."""
    folder = room.folder / "in"
    for number in range(300):
        (folder / str(number)).mkdir(parents=True)
        inputs.write_rows(folder / str(number) / "run.jsonl", [inputs.row(f"{number}")])
    room.hesnr("curate", folder, "-o", "out.jsonl", open_files=24)
    out = room.folder / "out.jsonl"
    room.expect(out.exists() and len(out.read_bytes().splitlines()) == 300, "not all runs were written")


@attack("environments")
def working_folder_that_is_gone(room: Room) -> None:
    """The working folder was removed: one line, or the work is done."""
    source = inputs.write_rows(room.folder / "in.jsonl", [inputs.row()])
    script = f"mkdir gone; cd gone; rmdir ../gone; {room.python} -m lm_eval_hesnr.cli"
    for command in (f"curate {source} -o {room.folder}/out.jsonl", f"show {source} --plain", "curate . -o out.jsonl"):
        statuses = (1, 2) if "curate ." in command else (0, 1, 2)
        room.run(["bash", "-c", f"{script} {command}"], statuses=statuses, what=command.split()[0])


@attack("environments")
def many_workers(room: Room) -> None:
    """`-j 32` for one run, and `-j` values that are no count."""
    inputs.write_rows(room.folder / "in.jsonl", [inputs.row()])
    room.hesnr("curate", "in.jsonl", "-o", "out.jsonl", "-j", "32", seconds=120)
    for number in ("0", "-1", "x", "1e9", "99999999999999999999"):
        room.hesnr("curate", "in.jsonl", "-o", f"o{number}.jsonl", f"-j{number}", statuses=(2,), what=f"-j {number}")
    room.expect(Path(room.folder / "out.jsonl").exists(), "nothing was written")
