"""Attacks with small files that become large: compressed files, archives, Parquet.

The good run next to a bomb is always written, and the bomb is named or skipped.
"""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks.attack import inputs
from benchmarks.attack.table import MOST_MEGABYTES, Room, attack

MB = 1_000_000

_PARQUET = """
import pyarrow as pa, pyarrow.parquet as pq, sys
what, path = sys.argv[1:]
if what == "dictionary":
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 50, pa.int32()), pa.array(["x" * 200_000_000]))
    table = pa.table({"messages": column})
elif what == "nulls":
    table = pa.table({"messages": pa.nulls(300_000_000, pa.null())})
elif what == "one value":
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 3_000_000, pa.int32()), pa.array(["x" * 500]))
    table = pa.table({"messages": column})
elif what == "lists":
    row = [[{"role": "user", "content": "x"}] * 200_000]
    table = pa.table({"messages": pa.array(row * 20)})
elif what == "deep":
    kind, value = pa.string(), "x"
    for _ in range(2000):
        kind, value = pa.list_(kind), [value]
    table = pa.table({"messages": pa.array([value], kind)})
else:
    table = pa.table({f"c{n}": pa.array([1]) for n in range(50_000)})
pq.write_table(table, path, compression="zstd", use_dictionary=True)
"""


def _next_to_a_good_run(room: Room, seconds: float = 60) -> None:
    """Curate the folder `in`: the good run is written, in bounded time and memory."""
    inputs.write_rows(room.folder / "in" / "good.jsonl", [inputs.row()])
    out = room.folder / "out.jsonl"
    room.hesnr("curate", "in", "-o", out, statuses=(0, 1), seconds=seconds, megabytes=MOST_MEGABYTES)
    written = out.read_text(encoding="utf-8").count('"a run"') if out.exists() else 0
    room.expect(written >= 1, "the good run was not written")


def _in(room: Room, name: str) -> Path:
    (room.folder / "in").mkdir(exist_ok=True)
    return room.folder / "in" / name


def _gzip(path: Path, pieces: Iterable[bytes]) -> None:
    with gzip.open(path, "wb", compresslevel=9) as file:
        for piece in pieces:
            file.write(piece)


def _zstd(path: Path, pieces: Iterable[bytes]) -> None:
    import zstandard

    with path.open("wb") as raw, zstandard.ZstdCompressor(level=3).stream_writer(raw) as file:
        for piece in pieces:
            file.write(piece)


def _objects(n_bytes: int) -> Iterable[bytes]:
    """`[{},{},...`, of about this many bytes."""
    yield b"[" + b"{}," * 1000
    for _ in range(n_bytes // 3000):
        yield b"{}," * 1000
    yield b"{}]"


def _zeros(n_bytes: int) -> Iterable[bytes]:
    return (b"0" * MB for _ in range(n_bytes // MB))


@attack("bombs", small=True)
def gzip_of_many_empty_objects(room: Room) -> None:
    """520 KB that become 520 MB of `{},`."""
    _gzip(_in(room, "bomb.json.gz"), _objects(60 * MB if room.small else 520 * MB))
    _next_to_a_good_run(room)


@attack("bombs")
def zstandard_of_many_empty_objects(room: Room) -> None:
    """The same, in one value and in one line, compressed with Zstandard."""
    _zstd(_in(room, "bomb.json.zst"), _objects(520 * MB))
    _zstd(_in(room, "bomb.jsonl.zst"), _objects(520 * MB))
    _next_to_a_good_run(room, seconds=120)


@attack("bombs")
def gzip_and_zstandard_of_zeros(room: Room) -> None:
    """A few MB that become 4 GB without a new line."""
    _gzip(_in(room, "bomb.jsonl.gz"), _zeros(2000 * MB))
    _zstd(_in(room, "bomb.jsonl.zst"), _zeros(4000 * MB))
    _zstd(_in(room, "bomb.json.zst"), _zeros(4000 * MB))
    _next_to_a_good_run(room, seconds=120)


@attack("bombs")
def gzip_of_many_lines(room: Room) -> None:
    """Ten million lines that are no runs, and one that is."""
    line = b"{}\n" * 100_000
    _gzip(_in(room, "bomb.jsonl.gz"), (line for _ in range(100)))
    _next_to_a_good_run(room, seconds=180)


@attack("bombs")
def gzip_in_gzip_and_many_members(room: Room) -> None:
    """A compressed file in a compressed file, and 50 000 members in one."""
    _gzip(_in(room, "bomb.json.gz.gz"), [gzip.compress(b"[" * MB)])
    _gzip(_in(room, "twice.json.gz"), [gzip.compress(json.dumps(inputs.row()).encode())])
    _in(room, "members.jsonl.gz").write_bytes(gzip.compress(b"{}\n") * 50_000)
    _in(room, "cut.jsonl.gz").write_bytes(gzip.compress(json.dumps(inputs.row()).encode() * 9)[:-9])
    _next_to_a_good_run(room)


@attack("bombs", small=True)
def archives(room: Room) -> None:
    """Inspect logs (.eval is a ZIP file): large entries, many entries, names above the folder, overlapping names."""
    with zipfile.ZipFile(_in(room, "large.eval"), "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("header.json", "samples/1.json"):
            with archive.open(name, "w", force_zip64=True) as entry:
                for piece in _objects(60 * MB if room.small else 1000 * MB):
                    entry.write(piece)
    with zipfile.ZipFile(_in(room, "many.eval"), "w") as archive:
        for number in range(2000 if room.small else 60_000):
            archive.writestr(f"samples/{number}.json", "{}")
    with zipfile.ZipFile(_in(room, "above.eval"), "w") as archive:
        for name in ("../../above.json", "/above.json", "samples/../../../above.json", "header.json", "\x1b[31m.json"):
            archive.writestr(name, json.dumps(inputs.row("above")))
    _in(room, "cut.eval").write_bytes(_in(room, "many.eval").read_bytes()[:-100])
    _next_to_a_good_run(room, seconds=120)
    room.expect(not (room.folder / "above.json").exists(), "an entry was written above the folder")


def _parquet(what: str) -> Callable[[Room], None]:
    def _work(room: Room) -> None:
        path = _in(room, "bomb.parquet")
        made = room.run([room.python, "-c", _PARQUET, what, str(path)], megabytes=6000, seconds=120, what="making it")
        room.megabytes = 0  # that was not ours
        if made.status == 0:
            room.notes.append(f"{path.stat().st_size} bytes")
            _next_to_a_good_run(room, seconds=120)

    return _work


for _what in ("dictionary", "nulls", "one value", "lists", "deep", "columns"):
    attack("bombs", name=f"Parquet: {_what}", small=_what == "deep")(_parquet(_what))
