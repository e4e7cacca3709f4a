"""Attacks through the disk: full, read-only, and limits on the size of a file. What was there before stays."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.attack import inputs
from benchmarks.attack.table import LM_EVAL_LIMITS, MODEL, Room, SkippedError, attack


@contextmanager
def _mounted(room: Room, options: str) -> Iterator[Path]:
    """A small file system in memory, in a folder of the room."""
    folder = room.folder / "disk"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", folder], capture_output=True, text=True)
    if done.returncode:
        raise SkippedError(f"no file system can be mounted here: {done.stderr.strip()[-100:]}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=False)


def _large(room: Room) -> Path:
    """A file of 100 runs, 1.2 MB, that cannot be compressed well."""
    chance = random.Random(room.seed)
    texts = [{"kind": "observation", "text": chance.randbytes(6000).hex(), "generated": False} for _ in range(100)]
    rows = [inputs.row(f"{n}", segments=[*inputs.row()["segments"], text]) for n, text in enumerate(texts)]
    return inputs.write_rows(room.folder / "in.jsonl", rows)


def _fill(path: Path, n_bytes: int) -> None:
    """Write this many bytes, or as many as there is space for."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        for _ in range(n_bytes // 1000):
            file.write(b"x" * 1000)


@attack("disks", small=True)
def limit_on_the_size_of_a_file(room: Room) -> None:
    """Under RLIMIT_FSIZE, `curate` and `sample` end with one line, and leave no cut file with the final name."""
    source = _large(room)
    for command, out in (
        (["curate", source], "out.jsonl"), (["curate", source], "out.jsonl.zst"),
        (["sample", inputs.sample_name(), "--form", "curated"], "sample.jsonl"),
    ):  # fmt: skip
        limits = ["bash", "-c", 'ulimit -f 1; exec "$0" "$@"', room.python, "-m", "lm_eval_hesnr.cli"]
        room.run([*limits, *map(str, command), "-o", out], statuses=(1, 2), what=f"{command[0]} -o {out}")
        room.expect(not (room.folder / out).exists(), f"{out} exists, and is cut")
    old = room.folder / "old.jsonl"
    old.write_text("the old content\n")
    room.run([*limits, "curate", str(source), "-o", "old.jsonl", "--force"], statuses=(1, 2), what="curate --force")
    room.run(
        [*limits, "sample", inputs.sample_name(), "-o", "old.jsonl", "--force"], statuses=(1, 2), what="sample --force"
    )
    room.expect(old.read_text() == "the old content\n", "the old file is lost")


@attack("disks")
def full_disk(room: Room) -> None:
    """On a full disk, every command that writes ends with one line, and files of before stay."""
    source = _large(room)
    with _mounted(room, "size=64k") as disk:
        (disk / "mine").write_bytes(b"x" * 50_000)
        for out in ("out.jsonl", "out.jsonl.zst"):
            room.hesnr("curate", source, "-o", disk / out, statuses=(1, 2), what=f"curate -o {out}")
            room.expect(not (disk / out).exists(), f"{out} exists, and is cut")
        room.hesnr("sample", inputs.sample_name(), "-o", disk / "sample.jsonl", statuses=(1, 2), what="sample")
        room.expect(not (disk / "sample.jsonl").exists(), "sample.jsonl exists, and is cut")
        small = {"trajectories": str(inputs.write_rows(room.folder / "small.jsonl", [inputs.row()] * 9))}
        _fill(disk / "fill", 12_000)
        done = room.lm_eval({**small, "token_table": str(disk / "tables")}, statuses=(0, 1), what="token tables")
        room.expect("No space left" in done.output, "nothing says that token tables are missing")
        done = room.lm_eval(small, model_args=f"pretrained={MODEL},score_store={disk / 'store'}", statuses=(0, 1),
                            what="a score store")  # fmt: skip
        room.expect("score store" in done.output or done.status == 1, "nothing says that no scores were stored")
        room.lm_eval(small, "--output_path", "results", what="results on another disk")
        for name in ("csv", "markdown"):
            table = disk / f"table.{name}"
            room.hesnr("export", "results", "--to", name, "-o", table, statuses=(1, 2), what=f"export --to {name}")
            room.expect(not table.exists(), f"{table.name} exists, and is cut")
        room.hesnr("sweep", MODEL, "-o", disk / "OUT", "--trajectories", small["trajectories"], statuses=(1, 2),
                   limits=LM_EVAL_LIMITS, what="sweep")  # fmt: skip
        room.expect((disk / "mine").read_bytes() == b"x" * 50_000, "a file of before is changed")


@attack("disks")
def full_disk_that_is_freed(room: Room) -> None:
    """`curate` on a full disk continues to the right bytes when there is space again."""
    source = _large(room)
    room.hesnr("curate", source, "-o", "right.jsonl")
    with _mounted(room, "size=4m") as disk:
        _fill(disk / "fill", 3_800_000)
        room.hesnr("curate", source, "-o", disk / "out.jsonl", statuses=(1, 2), what="full")
        (disk / "fill").unlink()
        room.hesnr("curate", source, "-o", disk / "out.jsonl", what="freed")
        same = (disk / "out.jsonl").exists() and (disk / "out.jsonl").read_bytes() == (
            room.folder / "right.jsonl"
        ).read_bytes()
        room.expect(same, "OUT has other bytes than on a disk with space")


@attack("disks")
def read_only_disk(room: Room) -> None:
    """On a read-only disk, inputs are read, and every command that writes ends with one line."""
    with _mounted(room, "size=8m") as disk:
        inputs.write_rows(disk / "in.jsonl", [inputs.row()])
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        room.hesnr("show", disk / "in.jsonl", "--plain")
        room.hesnr("curate", disk / "in.jsonl", "-o", "out.jsonl")
        room.hesnr("curate", disk / "in.jsonl", "-o", disk / "out.jsonl", statuses=(1, 2), what="curate")
        room.hesnr("sample", inputs.sample_name(), "-o", disk / "x.jsonl", statuses=(1, 2), what="sample")
        trajectories = {"trajectories": str(disk / "in.jsonl")}
        room.lm_eval({**trajectories, "token_table": str(disk / "tables")}, statuses=(1,), what="a token table")
        room.lm_eval(trajectories, model_args=f"pretrained={MODEL},score_store={disk / 'store'}", statuses=(0, 1),
                     what="a score store")  # fmt: skip
        room.hesnr("sweep", MODEL, "-o", disk / "OUT", "--trajectories", disk / "in.jsonl", statuses=(1, 2),
                   limits=LM_EVAL_LIMITS, what="sweep")  # fmt: skip
        model = disk.parent / "model"
        shutil.copytree(MODEL, model)
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
