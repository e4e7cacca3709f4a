"""Attacks on `hesnr sweep`: hostile files in its folder, hostile checkpoints, names, programs that fail, kills."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.attack import inputs
from benchmarks.attack.cases import hesnr_all
from benchmarks.attack.hostile_names import names_of
from benchmarks.attack.hostile_results import measured
from benchmarks.attack.kills import killed_after
from benchmarks.attack.limits import Limits
from benchmarks.attack.mutations import broken_json
from benchmarks.attack.table import MODEL, Room, attack, state

CHECKPOINTS = ("checkpoint-1", "checkpoint-2", "checkpoint-3")
SWEEP_LIMITS = Limits(seconds=240, megabytes=2500)
KILLS = 8

_PROGRAM = """
import shutil, sys, time, yaml
from pathlib import Path
results, how, *_ = sys.argv[1:]
config = yaml.safe_load(Path(sys.argv[sys.argv.index("--config") + 1]).read_text())
out = Path(config["output_path"]) / "model"
out.mkdir(parents=True, exist_ok=True)
time.sleep(0.3)
if how != "good":
    print("\\x1b[31mError: \\x9b2J\\u3164" + "x" * 5_000_000, flush=True)
    sys.exit(7)
shutil.copy(results, out / "part")
(out / "part").rename(out / Path(results).name)
"""
"""What a sweep starts in place of the harness, so that an attack takes seconds."""


def made_sweep(room: Room, results: Path) -> Path:
    """The folder of a finished sweep."""
    out = room.folder / "OUT"
    for number, name in enumerate(CHECKPOINTS, start=1):
        folder = out / name / "results" / "model"
        folder.mkdir(parents=True)
        shutil.copy(results, folder)
        content = {
            "format": "hesnr-sweep-checkpoint", "version": 1, "name": name, "pretrained": f"/runs/{name}",
            "step": number, "status": "done", "results": f"results/model/{results.name}", "token_table": "tokens",
        }  # fmt: skip
        (out / name / "state.json").write_text(json.dumps(content))
    sweep = {"format": "hesnr-sweep", "version": 1, "settings": {}, "checkpoints": list(CHECKPOINTS)}
    (out / "sweep.json").write_text(json.dumps(sweep))
    return out


def _readers(out: Path) -> list[list[str]]:
    """Commands that read the folder of a sweep. The last one would continue it."""
    return [
        ["export", str(out), "--to", "csv"], ["export", str(out), "--to", "markdown", "--best"],
        ["measure", str(out)], ["diagnose", str(out)],
        ["sweep", str(MODEL), "-o", str(out), "--dry-run", "--trajectories", str(out.parent / "in.jsonl")],
    ]  # fmt: skip


STATES: dict[str, dict[str, Any]] = {
    "results above": {"results": "../../in.jsonl"}, "results of the system": {"results": "/etc/passwd"},
    "results are a device": {"results": "/dev/zero"}, "results are a folder": {"results": "."},
    "results with a zero": {"results": "a\x00b"}, "results in a long path": {"results": "x/" * 3000},
    "results of an unknown user": {"results": "~nosuchuser/x"}, "tables are a device": {"token_table": "/dev/zero"},
    "pretrained with a zero": {"pretrained": "a\x00b"}, "pretrained is long": {"pretrained": "x" * 9000},
    "pretrained of an unknown user": {"pretrained": "~nosuchuser/x"}, "a half surrogate": {"pretrained": "\ud800"},
    "a large step": {"step": 10**400}, "a negative step": {"step": -1}, "a step that is true": {"step": True},
    "endless seconds": {"seconds": float("inf")}, "escapes": {"reason": "\x1b[31mred", "status": "failed"},
    "another host": {"host": "\x1b[31mred", "pid": 10**30, "status": "running"},
}  # fmt: skip
"""Hostile values of a state.json, by what is hostile in them."""


@attack("sweeps")
def states_of_a_sweep(room: Room) -> None:
    """300 broken state.json and sweep.json, and hostile values in them: one line, or the other checkpoints."""
    out = made_sweep(room, measured(room)[0])
    chance = random.Random(room.seed)
    files = [out / CHECKPOINTS[1] / "state.json", out / "sweep.json"]
    good = {file: file.read_text() for file in files}
    changed = [(what, files[0], json.dumps(json.loads(good[files[0]]) | value)) for what, value in STATES.items()]
    for what, name in names_of(room).items():
        content = json.loads(good[files[1]]) | {"checkpoints": [name, *CHECKPOINTS]}
        changed.append((f"a checkpoint's name, {what}", files[1], json.dumps(content)))
    for number in range(300):
        file = files[number % 2]
        changed.append((f"number {number}", file, broken_json(good[file], chance)))

    def _commands() -> Iterator[tuple[str, list[str]]]:
        for place, (what, file, text) in enumerate(changed):
            file.write_text(text, encoding="utf-8")
            every = _readers(out)
            for command in every if place < len(STATES) else [every[place % len(every)]]:
                yield f"{what}, {command[0]}", command
            file.write_text(good[file])

    before = state(room.folder)
    for _ in hesnr_all(room, _commands(), limits=SWEEP_LIMITS):
        pass
    room.expect(before == state(room.folder), "a command that only reads has changed a file")


def special(path: Path, kind: str) -> None:
    """Put one of `KINDS` at a path."""
    path.unlink(missing_ok=True)
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    elif kind == "sparse":
        with path.open("wb") as file:
            file.truncate(3 << 30)
    elif kind == "many values":
        path.write_bytes(b"[" + b"{}," * 20_000_000 + b"{}]")
    elif kind == "circle":
        path.symlink_to(path)
    else:
        path.write_bytes(kind.encode("utf-8", "surrogateescape"))


KINDS = ("fifo", "device", "folder", "sparse", "circle", "many values", "", "[" * 200_000, '{"a": ' + "9" * 9000 + "}")
"""What is in the place of a file; a text that names no kind is its content."""


@attack("sweeps", seconds=1800)
def special_files_in_the_folder_of_a_sweep(room: Room) -> None:
    """FIFOs, devices, folders and bombs in the place of each file of a sweep: one line, in time, with little memory."""
    results = measured(room)[0]

    def _commands() -> Iterator[tuple[str, list[str]]]:
        for name in ("sweep.json", "checkpoint-2/state.json", f"checkpoint-2/results/model/{results.name}"):
            for kind in KINDS:
                out = made_sweep(room, results)
                special(out / name, kind)
                for command in _readers(out):
                    yield f"{name} is {kind[:20]!r}, {command[0]}", command
                shutil.rmtree(out)

    for _ in hesnr_all(room, _commands(), limits=SWEEP_LIMITS):
        pass


@attack("sweeps", seconds=1800)
def special_files_in_checkpoints(room: Room) -> None:
    """FIFOs, devices, folders and bombs in the place of each file of a checkpoint: `--dry-run` says what is wrong."""
    inputs.write_rows(room.folder / "in.jsonl", [inputs.row()])
    names = ("config.json", "model.safetensors", "tokenizer.json", "trainer_state.json", "model.safetensors.index.json")

    def _commands() -> Iterator[tuple[str, list[str]]]:
        for name in names:
            for kind in (*KINDS, '{"weight_map": {"a": "' + "x" * 5000 + '"}}', '{"weight_map": {"a": "/dev/zero"}}'):
                run = room.folder / "run"
                folder = shutil.copytree(MODEL, run / "checkpoint-1")
                shutil.copytree(MODEL, run / "checkpoint-2")
                special(folder / name, kind)
                yield f"{name} is {kind[:20]!r}", [
                    "sweep", str(run), "-o", str(room.folder / "OUT"), "--dry-run", "--trajectories",
                    str(room.folder / "in.jsonl"),
                ]  # fmt: skip
                shutil.rmtree(run)

    for name, answer in hesnr_all(room, _commands(), limits=SWEEP_LIMITS):
        room.expect("checkpoint-2" in answer.printed, f"{name}: the good checkpoint is not named")
    room.expect(not (room.folder / "OUT").exists(), "--dry-run has written")


def _sweep(room: Room, how: str, *options: str) -> list[str]:
    """The command of a sweep that starts our program."""
    (room.folder / "program.py").write_text(_PROGRAM)
    results = next((room.folder / "results").rglob("results_*.json"))
    launcher = f"{room.python} {room.folder / 'program.py'} {results} {how}"
    return [
        "sweep", str(room.folder / "run"), "-o", str(room.folder / "OUT"), "--trajectories", "in.jsonl",
        "--launcher", launcher, "--settle", "0", "--no-store", *options,
    ]  # fmt: skip


@attack("sweeps", seconds=1800)
def names_of_checkpoints(room: Room) -> None:
    """Folders with hostile names are evaluated, or refused by name. The program prints escapes, and fails at first."""
    measured(room)
    (room.folder / "run").mkdir()
    for what, name in names_of(room).items():
        if "/" in name or "\x00" in name or what == "half surrogate" or len(os.fsencode(name)) > 180:
            continue  # no folder can have this name
        folder = room.folder / "run" / f"checkpoint-{name}{what}"
        shutil.copytree(MODEL, folder)
        if not name.isprintable() or "\\" in name:
            room.hesnr(*_sweep(room, "good"), statuses=(2,), limits=SWEEP_LIMITS, what=what)
            shutil.rmtree(folder)
    n = len(list((room.folder / "run").iterdir()))
    room.hesnr(*_sweep(room, "bad"), statuses=(1,), limits=SWEEP_LIMITS, what="a program that fails")
    room.hesnr(*_sweep(room, "good"), limits=SWEEP_LIMITS, what="a program that works")
    for command in (["export", "OUT", "--to", "csv"], ["measure", "OUT"], ["diagnose", "OUT"]):
        room.hesnr(*command, statuses=(0, 1), what=command[0])
    room.expect(len(list((room.folder / "OUT").glob("*/state.json"))) == n, f"not {n} states")
    outside = list(room.folder.parent.glob(f"{room.folder.name}-above*")) + list(room.folder.glob("above*"))
    room.expect(not outside, f"a name was executed, or used as a path: {outside}")
    room.notes.append(f"{n} names")


@attack("sweeps", seconds=1800)
def sweep_killed_and_continued(room: Room) -> None:
    """A sweep of six checkpoints is killed eight times; its table then equals that of an undisturbed sweep."""
    measured(room)
    for number in range(1, 7):
        shutil.copytree(MODEL, room.folder / "run" / f"checkpoint-{number}")
    done = room.hesnr(*_sweep(room, "good"), limits=SWEEP_LIMITS, what="undisturbed")
    right = (room.folder / "OUT" / "table.csv").read_bytes()
    shutil.rmtree(room.folder / "OUT")
    chance = random.Random(room.seed)
    command = [room.python, "-m", "lm_eval_hesnr.cli", *_sweep(room, "good")]
    killed = 0
    for _ in range(3 * KILLS):
        if killed == KILLS:
            break
        if killed_after(room, command, chance.uniform(0.2, 0.9) * done.seconds) is None:
            killed += 1
        else:  # it was done before the signal came
            shutil.rmtree(room.folder / "OUT")
    room.hesnr(*_sweep(room, "good"), limits=SWEEP_LIMITS, what="the last one")
    room.expect((room.folder / "OUT" / "table.csv").read_bytes() == right, "another table than undisturbed")
    left = [one.name for one in (room.folder / "OUT").rglob("*.partial")]
    room.expect(killed == KILLS, f"{killed} kills, not {KILLS}: the sweep ends too early")
    room.notes.append(f"{killed} kills, {len(left)} unfinished files left")


def _foreign(change: Callable[[Path], None]) -> Callable[[Room], None]:
    """A sweep into a folder that somebody else has changed: one line, and the foreign files stay."""

    def _work(room: Room) -> None:
        measured(room)
        shutil.copytree(MODEL, room.folder / "run" / "checkpoint-1")
        (room.folder / "OUT").mkdir()
        (room.folder / "target").write_text("a file of somebody else\n")
        change(room.folder / "OUT")
        command = _sweep(room, "good")
        before = state(room.folder)
        room.hesnr(*command, statuses=(1, 2), limits=SWEEP_LIMITS)
        after = state(room.folder)
        changed = [name for name, was in before.items() if after.get(name) != was]
        room.expect(not changed, f"changed: {changed}")

    return _work


def _foreign_lock(out: Path) -> None:
    (out / "lock").write_text("a file of somebody else\n")


def _linked_lock(out: Path) -> None:
    (out / "lock").symlink_to(out.parent / "target")


def _fifo_lock(out: Path) -> None:
    os.mkfifo(out / "lock")


def _linked_folder(out: Path) -> None:
    (out.parent / "elsewhere").mkdir()
    sweep = {"format": "hesnr-sweep", "version": 1, "settings": {}, "checkpoints": []}
    (out / "sweep.json").write_text(json.dumps(sweep))
    (out / "checkpoint-1").symlink_to(out.parent / "elsewhere")


def _missing_keys(out: Path) -> None:
    (out / "sweep.json").write_text(json.dumps({"format": "hesnr-sweep", "version": 1}))


def _odd_texts(out: Path) -> None:
    odd = {"x": "\ud800", "settings": {"\ud800" + "x" * 100_000: "y" * 100_000}, "trajectories": {"a": "\udfff"}}
    (out / "sweep.json").write_text(json.dumps({"format": "hesnr-sweep", "version": 1, **odd}))


def _other_files(out: Path) -> None:
    (out / "notes.txt").write_text("a file of somebody else\n")


for _name, _change in (
    ("a foreign lock in OUT", _foreign_lock), ("a link in the place of a lock", _linked_lock),
    ("a FIFO in the place of a lock", _fifo_lock), ("a link in the place of a checkpoint's folder", _linked_folder),
    ("OUT with other files", _other_files), ("sweep.json without keys", _missing_keys),
    ("sweep.json with half surrogates", _odd_texts),
):  # fmt: skip
    attack("sweeps", name=_name)(_foreign(_change))
