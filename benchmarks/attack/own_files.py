"""Attacks on files that a command must not touch: inputs, files of others, targets of links."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

from benchmarks.attack import inputs
from benchmarks.attack.hostile_results import measured
from benchmarks.attack.limits import kill_group
from benchmarks.attack.table import MODEL, Room, attack, state

REFUSED = (0, 1, 2)
"""A command may refuse a foreign file, or do its work without it."""


def _unchanged(room: Room, before: dict[str, str], *, but: tuple[str, ...] = ()) -> None:
    """Add a fault for each file of before that is changed or gone."""
    after = state(room.folder)
    for name, was in before.items():
        if name not in but and after.get(name) != was:
            room.fault(f"{name} is {'changed' if name in after else 'gone'}")


@attack("own files", small=True)
def input_is_named_like_the_unfinished_output(room: Room) -> None:
    """`hesnr curate x.jsonl.part -o x.jsonl` keeps its input."""
    inputs.write_rows(room.folder / "x.jsonl.part", [inputs.row()])
    before = state(room.folder)
    room.hesnr("curate", "x.jsonl.part", "-o", "x.jsonl", statuses=REFUSED)
    _unchanged(room, before)


@attack("own files", small=True)
def foreign_part_and_log(room: Room) -> None:
    """Files of others with the names of the unfinished output and its log stay."""
    inputs.write_rows(room.folder / "in.jsonl", [inputs.row()])
    for name in ("x.jsonl.part", "x.jsonl.part.log", "x.jsonl.lock", "x.jsonl.tmp"):
        (room.folder / name).write_text("a file of somebody else\n")
    before = state(room.folder)
    room.hesnr("curate", "in.jsonl", "-o", "x.jsonl", statuses=REFUSED)
    _unchanged(room, before)
    room.hesnr("curate", "in.jsonl", "-o", "x.jsonl", "--force", statuses=REFUSED)
    _unchanged(room, before)


@attack("own files", small=True)
def link_in_the_place_of_an_own_file(room: Room) -> None:
    """A link at OUT.part or at its log is not followed, and OUT does not become a link."""
    inputs.write_rows(room.folder / "in.jsonl", [inputs.row()])
    for name in ("part", "part.log"):
        out = room.folder / f"{name}.jsonl"
        target = room.folder / f"{name}.target"
        target.write_text("a file of somebody else\n")
        (room.folder / f"{out.name}.{name}").symlink_to(target)
    before = state(room.folder)
    for name in ("part", "part.log"):
        room.hesnr("curate", "in.jsonl", "-o", f"{name}.jsonl", statuses=REFUSED)
        room.expect(not (room.folder / f"{name}.jsonl").is_symlink(), f"{name}.jsonl is a link")
    _unchanged(room, {name: was for name, was in before.items() if not name.endswith((".part", ".log"))})


@attack("own files")
def folder_or_fifo_in_the_place_of_an_own_file(room: Room) -> None:
    """A folder or a FIFO at OUT.part or at OUT ends the command with one line."""
    inputs.write_rows(room.folder / "in.jsonl", [inputs.row()])
    (room.folder / "a.jsonl.part").mkdir()
    os.mkfifo(room.folder / "b.jsonl.part")
    os.mkfifo(room.folder / "c.jsonl.part.log")
    (room.folder / "d.jsonl").mkdir()
    os.mkfifo(room.folder / "e.jsonl")
    before = state(room.folder)
    for name in "abcde":
        for force in ([], ["--force"]):
            room.hesnr("curate", "in.jsonl", "-o", f"{name}.jsonl", *force, statuses=REFUSED, what=name, seconds=20)
    _unchanged(room, before)
    for name in ("d.jsonl", "e.jsonl"):
        room.hesnr(
            "sample",
            inputs.sample_name(),
            "-o",
            name,
            "--force",
            statuses=REFUSED,
            seconds=20,
            what=f"sample -o {name}",
        )
    _unchanged(room, before, but=("e.jsonl",))


@attack("own files", small=True)
def sample_through_a_link(room: Room) -> None:
    """`hesnr sample -o LINK` without --force keeps the link's target."""
    (room.folder / "target").write_text("a file of somebody else\n")
    (room.folder / "x.jsonl").symlink_to("target")
    (room.folder / "dangling.jsonl").symlink_to("new")
    before = state(room.folder)
    name = inputs.sample_name()
    room.hesnr("sample", name, "-o", "x.jsonl", statuses=REFUSED)
    _unchanged(room, before)
    room.hesnr("sample", name, "-o", "dangling.jsonl", statuses=REFUSED)


@attack("own files", small=True)
def two_commands_on_one_output(room: Room) -> None:
    """Two curates on one OUT at the same time: each that reports success left the right bytes, and none is mixed."""
    source = inputs.write_rows(
        room.folder / "in.jsonl", [inputs.row(f"run {n}") for n in range(4000 if room.small else 15_000)]
    )
    room.hesnr("curate", source, "-o", "right.jsonl")
    right = (room.folder / "right.jsonl").read_bytes()
    for turn in range(2 if room.small else 6):
        out = room.folder / f"out{turn}.jsonl"
        command = [room.python, "-m", "lm_eval_hesnr.cli", "curate", str(source), "-o", str(out)]
        both = [
            subprocess.Popen(command, cwd=room.folder, env=room.environment(), stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, start_new_session=True)
            for _ in range(2)
        ]  # fmt: skip
        ended = []
        for process in both:
            try:
                _, printed = process.communicate(timeout=60 * room.patience)
            except subprocess.TimeoutExpired:
                kill_group(process.pid)
                room.fault(f"turn {turn}: no end after {60 * room.patience:.0f} s")
                continue
            ended.append(process.returncode)
            room.expect(b"Traceback" not in printed, "a traceback")
        room.expect(0 in ended, f"turn {turn}: neither succeeded: {ended}")
        room.expect(not out.exists() or out.read_bytes() == right, f"turn {turn}: OUT is mixed; statuses {ended}")
        room.expect(out.exists(), f"turn {turn}: OUT does not exist; statuses {ended}")


@attack("own files")
def output_of_another_command_that_was_stopped(room: Room) -> None:
    """The unfinished output of other inputs is not continued, and its bytes do not appear in OUT."""
    first = inputs.write_rows(room.folder / "first.jsonl", [inputs.row(f"first {n}") for n in range(20000)])
    second = inputs.write_rows(room.folder / "second.jsonl", [inputs.row(f"second {n}") for n in range(10)])
    room.hesnr("curate", second, "-o", "right.jsonl")
    command = [room.python, "-m", "lm_eval_hesnr.cli", "curate", str(first), "-o", "out.jsonl"]
    process = subprocess.Popen(
        command, cwd=room.folder, env=room.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        process.wait(timeout=3)
    except subprocess.TimeoutExpired:
        kill_group(process.pid)
        process.wait()
    out = room.folder / "out.jsonl"
    out.unlink(missing_ok=True)
    room.hesnr("curate", second, "-o", out, statuses=REFUSED)
    if out.exists():
        room.expect(out.read_bytes() == (room.folder / "right.jsonl").read_bytes(), "OUT has bytes of the first call")


@attack("own files")
def outputs_that_are_inputs(room: Room) -> None:
    """No command replaces a file that it reads, also inside a given folder or left out by a filter."""
    results, tables = measured(room)
    table = min(tables.glob("*.parquet"))
    worse = room.folder / "worse" / results.name
    worse.parent.mkdir()
    content = json.loads(results.read_text(encoding="utf-8"))
    content["results"]["swe_hesnr"]["he_snr,action"] *= 0.5
    worse.write_text(json.dumps(content))
    (room.folder / "scores.csv").write_text("checkpoint,passed,tasks,step\ntables,3,10,1\nother,4,10,2\n")
    shutil.copytree(tables, room.folder / "other")
    (room.folder / "dir").mkdir()
    for name in ("a.jsonl", "b.jsonl"):
        (room.folder / "dir" / name).write_text('{"messages": [{"role": "user", "content": "Fix it."}]}\n')
    before = state(room.folder)
    for command in (
        ["export", results, worse, "--best", "--to", "csv", "-o", worse],
        ["export", worse.parent, results, "--best", "--to", "csv", "-o", worse],
        ["correlate", "scores.csv", "--tables", tables, "other", "-o", table],
        ["correlate", "scores.csv", "--tables", tables, "other", "-o", "scores.csv"],
        ["report", tables, "other", "-o", table],
        ["report", results, "-o", table],
        ["curate", "dir", "-o", "dir/a.jsonl"],
        ["curate", "dir/*.jsonl", "-o", "dir/a.jsonl"],
    ):
        what = " ".join(map(str, command))
        room.hesnr(*command, "--force", statuses=(1, 2), what=what)
        _unchanged(room, before)


@attack("own files")
def foreign_files_in_store_and_token_tables(room: Room) -> None:
    """A run with a score store and token tables keeps old files of others in these folders, whatever their names."""
    inputs.write_rows(room.folder / "in.jsonl", [inputs.row()])
    foreign = ("store/notes.partial", "store/a/x.parquet.partial", "store/settings.json", "tables/00000-a run.parquet",
               "tables/notes.txt", "tables/00000-a_run.parquet.partial", "results/notes.json")  # fmt: skip
    for name in foreign:
        path = room.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a file of somebody else\n")
        os.utime(path, (0, 0))
    target = room.folder / "target"
    target.write_text("a file of somebody else\n")
    (room.folder / "tables" / "00000-a_run.parquet").symlink_to(target)
    before = state(room.folder)
    room.lm_eval(
        {"trajectories": "in.jsonl", "token_table": "tables"}, "--output_path", "results",
        model_args=f"pretrained={MODEL},score_store=store",
        statuses=(0, 1),
    )  # fmt: skip
    _unchanged(room, before, but=("tables/00000-a_run.parquet",))
