"""Attacks with real files of every format whose bytes or values are broken."""

from __future__ import annotations

import gzip
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.attack import inputs
from benchmarks.attack.limits import Limits
from benchmarks.attack.table import REAL, Room, attack

MOST_BYTES = 120_000
"""Larger files are left out, so that thousands can be read."""
FULL, SMALL = 10_000, 150
BATCH = 100
"""Broken files that one command reads."""
TWICE = "\ue000twice "
"""Prefix of a key that becomes a second copy of the key when the text is written."""
VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 10**30, 1e308, float("nan"), "", "x", "\x00\ud800", "\x1b[31m", "```bash\nls\n```", [], {}, [[]],
    [None], {"a": {}}, "9" * 3000, [0] * 3000,
)  # fmt: skip
PIECES = (b"\xff", b"\x00", b'"', b"{", b"]", b"\n", b"\\u", b"9" * 5000, b"[" * 5000, b"\x1b[31m", b"\xed\xa0\x80")


def broken_bytes(raw: bytes, chance: random.Random) -> bytes:
    """The file cut off, with bits flipped, or with a piece of it taken out, doubled, or inserted."""
    data, at = bytearray(raw or b"{}"), chance.randrange(len(raw or b"{}"))
    kind = chance.choice(("cut", "flip", "flip", "drop", "double", "insert"))
    if kind == "cut":
        del data[at:]
    elif kind == "flip":
        for _ in range(chance.randrange(1, 9)):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    elif kind == "insert":
        data[at:at] = chance.choice(PIECES)
    else:
        end = min(len(data), at + chance.randrange(1, 200))
        data[at:end] = data[at:end] * 2 if kind == "double" else b""
    return bytes(data)


def broken_json(text: str, chance: random.Random) -> str:
    """The text of a JSON or JSON Lines file with up to three values broken; the same text if it is not JSON."""
    lines = text.splitlines() if text.startswith("{") and "\n{" in text else [text]
    at = chance.randrange(len(lines)) if lines else 0
    try:
        value = json.loads(lines[at])
    except (ValueError, IndexError):
        return text
    for _ in range(chance.randrange(1, 4)):
        value = _broken(value, chance)
    lines[at] = json.dumps(value).replace(json.dumps(TWICE)[:-1], '"')
    return "\n".join(lines)


def _broken(value: Any, chance: random.Random) -> Any:
    """The value with one part dropped, doubled, nested, replaced or exchanged, or with a key that occurs twice."""
    root: dict[str, Any] = {"": json.loads(json.dumps(value))}
    holder: Any = root
    key: Any = ""
    while (
        isinstance(holder[key], (dict, list)) and holder[key] and chance.random() < (0.9 if holder is not root else 1)
    ):
        holder = holder[key]
        key = chance.choice(list(holder)) if isinstance(holder, dict) else chance.randrange(len(holder))
    kind = chance.choice(("drop", "double", "nest", "replace", "exchange", "twice"))
    if kind == "drop" and holder is not root:
        del holder[key]
    elif kind == "double" and isinstance(holder, list):
        holder.insert(key, holder[key])
    elif kind == "nest":
        holder[key] = chance.choice(([holder[key]], {"x": holder[key]}))
    elif kind == "exchange" and isinstance(holder, dict):
        other = chance.choice(list(holder))
        holder[key], holder[other] = holder[other], holder[key]
    elif kind == "twice" and isinstance(holder, dict) and holder is not root:
        holder[TWICE + str(key)] = chance.choice((holder[key], *VALUES))
    else:
        holder[key] = chance.choice(VALUES)
    return root[""]


def sources(room: Room) -> list[Path]:
    """Real runs where they are on this machine. Otherwise sketches of formats, and embedded runs in four forms."""
    if REAL.is_dir():
        files = sorted(path for path in REAL.rglob("*") if path.is_file() and path.suffix != ".md")
        room.notes.append("real files")
    else:
        files = inputs.write_sketches(room.folder / "sketches")
        for form in ("curated", "mini-swe-agent", "swe-agent", "swe-smith-xml"):
            path = room.folder / "sketches" / f"{form}.json"
            room.hesnr("sample", inputs.sample_name(), "--form", form, "-o", path, "--force", statuses=(0, 1, 2))
            files += [path] if path.exists() else []
        room.notes.append("sketches: no real files on this machine")
    return [path for path in files if 0 < path.stat().st_size < MOST_BYTES]


def _write_broken(source: Path, folder: Path, chance: random.Random) -> None:
    """Write one broken copy into a new folder, with the name of the source; some are compressed first."""
    folder.mkdir()
    raw = source.read_bytes()
    kind = chance.choice(("values", "values", "values", "bytes", "bytes", "compressed"))
    if kind == "values":
        raw = broken_json(raw.decode("utf-8", "replace"), chance).encode("utf-8", "surrogatepass")
    elif kind == "bytes":
        raw = broken_bytes(raw, chance)
    name = source.name
    if kind == "compressed" and source.suffix in (".json", ".jsonl"):
        import zstandard

        pack: Callable[[bytes], bytes] = chance.choice((gzip.compress, zstandard.ZstdCompressor().compress))
        name += ".gz" if pack is gzip.compress else ".zst"
        raw = broken_bytes(pack(raw), chance)
    (folder / name).write_bytes(raw)


@attack("mutations", small=True, seconds=3600)
def broken_real_files(room: Room) -> None:
    """10 000 broken files of all formats: read or named, one line each, in bounded time and memory."""
    chance = random.Random(room.seed)
    files = sources(room)
    total = SMALL if room.small else FULL
    limits = Limits(seconds=120, megabytes=800)
    for first in range(0, total, BATCH):
        folder = room.folder / f"{first}"
        folder.mkdir()
        n = min(BATCH, total - first)
        for number in range(n):
            _write_broken(chance.choice(files), folder / f"{number:03}", chance)
        _curate_parts(room, folder, limits)
        shutil.rmtree(folder)
    room.notes.append(f"{total} files from {len(files)}, seed {room.seed}")


def _curate_parts(room: Room, folder: Path, limits: Limits) -> None:
    """Curate a folder of broken files. If that is a fault, curate each file alone to find the one."""
    before = room.n_faults, list(room.faults)
    room.hesnr("curate", folder, "-o", room.folder / "out.jsonl", "--force", "-v", statuses=(0, 1, 2), limits=limits)
    if room.n_faults == before[0]:
        return
    whole = room.faults[len(before[1]) :]
    room.n_faults, room.faults = before
    for part in sorted(folder.iterdir()):
        (path,) = part.iterdir()
        room.hesnr("curate", part, "-o", room.folder / "out.jsonl", "--force", "-v", statuses=(0, 1, 2), what=path.name)
        if room.n_faults > before[0]:
            return
    for fault in whole:
        room.fault(f"files {folder.name} and the {BATCH} behind it, together: {fault}")
