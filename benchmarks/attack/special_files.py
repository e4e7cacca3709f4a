"""Attacks with files that are not regular files, and with paths that are hard to handle."""

from __future__ import annotations

import os
import socket
from contextlib import closing
from pathlib import Path

from benchmarks.attack import inputs
from benchmarks.attack.table import MOST_MEGABYTES, Room, attack

NEXT_TO_RUNS = (
    "report.json", "result.json", "a.b.json", "results.json", "preds.json", "all_preds.jsonl", "metadata.json",
    "x.jsonl", "x.traj", "x.parquet", "x.eval", "x.json.gz",
)  # fmt: skip
"""Names next to runs. Reports and other files are read for the outcome of a run, or as runs."""


def _good_is_read(room: Room, seconds: float = 30, megabytes: int = 600) -> None:
    """Curate the folder `in`, which has one good run. It is written, whatever stands next to it."""
    out = room.folder / "out.jsonl"
    room.hesnr("curate", "in", "-o", out, "--force", statuses=(0, 1), seconds=seconds, megabytes=megabytes)
    n_lines = len(out.read_bytes().splitlines()) if out.exists() else 0
    room.expect(n_lines >= 1, "the good run was not written")


def _folder(room: Room) -> Path:
    folder = room.folder / "in"
    folder.mkdir()
    inputs.write_sketches(folder)
    return folder


@attack("special files", small=True)
def fifos_next_to_runs(room: Room) -> None:
    """A FIFO next to a run never waits for a writer."""
    folder = _folder(room)
    for name in NEXT_TO_RUNS:
        os.mkfifo(folder / name)
    _good_is_read(room)


@attack("special files", small=True)
def links_to_endless_devices(room: Room) -> None:
    """`report.json -> /dev/zero` costs nothing."""
    folder = _folder(room)
    for name in NEXT_TO_RUNS:
        (folder / name).symlink_to("/dev/zero")
    _good_is_read(room)


@attack("special files")
def sockets_devices_and_broken_links(room: Room) -> None:
    """Sockets, device links, links to nothing and to themselves are skipped or named."""
    folder = _folder(room)
    with closing(socket.socket(socket.AF_UNIX)) as one:
        here = Path.cwd()
        os.chdir(folder)  # the address of a socket may have only 108 bytes
        one.bind("socket.json")
        os.chdir(here)
        (folder / "null.json").symlink_to("/dev/null")
        (folder / "random.jsonl").symlink_to("/dev/urandom")
        (folder / "tty.json").symlink_to("/dev/tty")
        (folder / "nothing.json").symlink_to("no/such/file")
        (folder / "self.json").symlink_to("self.json")
        _good_is_read(room)


@attack("special files", small=True)
def links_that_form_a_circle_of_folders(room: Room) -> None:
    """A folder that contains links to itself and to its parents is read once, in little time."""
    folder = _folder(room)
    (folder / "a" / "b").mkdir(parents=True)
    for name in ("1", "2", "3"):
        (folder / "a" / "b" / name).symlink_to(folder)
        (folder / "a" / name).symlink_to("..")
    _good_is_read(room)
    done = room.hesnr("curate", "in", "-o", "named.jsonl", "-v", statuses=(0, 1))
    longest = max((len(line) for line in done.output.splitlines()), default=0)
    room.expect(longest < 1000, f"a line of {longest} characters names a path")


@attack("special files")
def sparse_files(room: Room) -> None:
    """Files of 10 GB that take no space are refused or read in little memory."""
    folder = _folder(room)
    for name in ("report.json", "x.json", "x.jsonl", "x.parquet", "x.json.gz", "x.jsonl.zst", "x.eval"):
        with (folder / name).open("wb") as file:
            file.truncate(10 << 30)
    _good_is_read(room, seconds=120, megabytes=MOST_MEGABYTES)


@attack("special files", small=True)
def special_file_named_by_itself(room: Room) -> None:
    """A FIFO, a device, a socket or a folder as the argument of each command ends with one line."""
    os.mkfifo(room.folder / "fifo.json")
    os.mkfifo(room.folder / "fifo.jsonl")
    (room.folder / "zero.json").symlink_to("/dev/zero")
    (room.folder / "empty").mkdir()
    (room.folder / "tables").mkdir()
    os.mkfifo(room.folder / "tables" / "00000-a.parquet")
    names = ["fifo.json", "zero.json"] if room.small else ["fifo.json", "fifo.jsonl", "zero.json", "/dev/zero", "/dev"]
    for name in names:
        room.hesnr("curate", name, "-o", "out.jsonl", statuses=(1, 2), what=f"curate {name}", seconds=15)
        room.hesnr("diagnose", name, statuses=(1, 2), what=f"diagnose {name}", seconds=15)
        if not room.small:
            room.hesnr("show", name, "--plain", statuses=(1, 2), what=f"show {name}", seconds=15)
            room.hesnr("measure", name, statuses=(1, 2), what=f"measure {name}", seconds=15)
    room.hesnr("measure", "tables", statuses=(1, 2), what="measure a folder with a FIFO", seconds=15)


@attack("special files", small=True)
def paths_that_are_hard(room: Room) -> None:
    """Unknown users, long paths, names that are not UTF-8 or act on the terminal: one line, and no traceback."""
    inputs.write_rows(room.folder / "in.jsonl", [inputs.row()])
    hard = ["~nosuchuser/x", "x" * 300 + ".jsonl", "a/" * 3000 + "x.jsonl", "\x1b[31m.jsonl", "new\nline.jsonl",
            "[", "**/" * 50 + "*.json", "hf://", "hf://a/b/c/d@e:f", "-", "%s%n"]  # fmt: skip
    for path in hard[:2] if room.small else hard:
        room.hesnr("curate", path, "-o", "out.jsonl", statuses=(1, 2), what=f"curate {path[:20]!r}")
        room.hesnr("curate", "in.jsonl", "-o", path, statuses=(0, 1, 2), what=f"curate -o {path[:20]!r}")
        if not room.small:
            for command in ("show", "measure", "diagnose"):
                statuses = (0, 1, 2) if command == "show" else (1, 2)  # curate may have made the file
                room.hesnr(command, path, statuses=statuses, what=f"{command} {path[:20]!r}")
            room.hesnr("sample", inputs.sample_name(), "-o", path, statuses=(0, 1, 2), what=f"sample -o {path[:20]!r}")


@attack("special files", small=True)
def file_names_of_any_bytes(room: Room) -> None:
    """Good and bad files whose names are not UTF-8 or act on the terminal are read, and named without effect."""
    folder = room.folder / "in"
    folder.mkdir()
    good = inputs.write_rows(folder / "good.jsonl", [inputs.row()]).read_bytes()
    for number, name in enumerate(
        (b"\xff\xfe", b"\x1b[31mred\x1b]0;title\x07", b"two\nlines", "\u202egpj.exe\u3164".encode(), b"\x9b31m",
         "tür".encode("latin-1"), b"a" * 240)
    ):  # fmt: skip
        path = os.fsencode(folder) + b"/" + name
        Path(os.fsdecode(path + b".jsonl")).write_bytes(good.replace(b"a run", b"run %d" % number))
        Path(os.fsdecode(path + b".json")).write_bytes(b'{"cut')
    room.hesnr("curate", "in", "-o", "out.jsonl", "-v", statuses=(1,))
    out = room.folder / "out.jsonl"
    room.expect(out.exists() and len(out.read_bytes().splitlines()) == 8, "not all good runs were written")
