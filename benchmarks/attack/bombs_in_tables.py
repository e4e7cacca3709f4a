"""Attacks with small token tables and stores that decode to gigabytes, and with damaged ends of Parquet files."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.attack import inputs
from benchmarks.attack.cases import ask_all, hesnr_all
from benchmarks.attack.limits import Limits
from benchmarks.attack.table import MODEL, Room, attack

ROWS = 6000
LONG = "x" * 1_000_000
LIMITS = Limits(seconds=20, megabytes=600)


def _table(room: Room) -> Any:
    """A good table of many rows, which has the text of each token."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    value = {"folder": str(room.folder / "good"), "n": ROWS}
    ((_, answer),) = ask_all(room, "hostile_tables", [("good", value)])
    table = pq.read_table(Path(answer.result) / "00000-a.parquet")
    shutil.rmtree(answer.result)
    return table.append_column("text", pa.array(["x"] * ROWS))


def _saved(folder: Path, table: Any) -> Path:
    """The table as another program writes it: texts are plain, and equal ones are in the file once."""
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "00000-a.parquet"
    with pq.ParquetWriter(path, table.schema.remove_metadata(), compression="zstd", store_schema=False) as writer:
        writer.write_table(table.replace_schema_metadata(None))
        writer.add_key_value_metadata(dict(table.schema.metadata))
    return folder


def _bombs(table: Any) -> Iterator[tuple[str, Any]]:
    import pyarrow as pa

    def _with(name: str, values: Any) -> Any:
        place = table.schema.get_field_index(name)
        metadata = table.schema.metadata
        changed = table.append_column(name, values) if place < 0 else table.set_column(place, name, values)
        return changed.replace_schema_metadata(metadata)

    numbers = pa.array([0] * ROWS, pa.int32())
    for kind in (pa.string(), pa.large_string()):
        equal = pa.DictionaryArray.from_arrays(numbers, pa.array([LONG], kind))
        yield f"a label, {kind}", _with("label", equal)
        yield f"a text, {kind}", _with("text", equal)
    lists = pa.ListArray.from_arrays([i * 50_000 for i in range(401)], pa.array([0.0] * 20_000_000, pa.float32()))
    for name in ("log_z", "top_logits"):
        yield (
            f"long lists in {name}",
            pa.table(
                {one: table.column(one).slice(0, 400) for one in table.column_names} | {name: lists}
            ).replace_schema_metadata(table.schema.metadata),
        )
    row, many = table.slice(0, 1), 2**24 - 1
    columns = {name: pa.repeat(row.column(name)[0].as_py(), many).cast(row.column(name).type)
               for name in row.column_names if name not in ("text", "label")}  # fmt: skip
    label = pa.DictionaryArray.from_arrays(pa.repeat(0, many).cast(pa.int8()), pa.array(["code"]))
    yield "very many rows", pa.table(columns | {"label": label}).replace_schema_metadata(table.schema.metadata)


@attack("hostile tables")
def bombs_in_token_tables(room: Room) -> None:
    """Texts that are the value of all rows, lists and rows without end, in files of kilobytes."""
    folders = [(what, str(_saved(room.folder / what, table))) for what, table in _bombs(_table(room))]
    commands = []
    for what, folder in folders:
        commands.append((f"{what}, measure", ["measure", folder]))
        commands.append((f"{what}, report", ["report", folder, "-o", str(room.folder / "report.html"), "--force"]))
    for _ in hesnr_all(room, commands, limits=LIMITS):
        pass


@attack("hostile tables", small=True)
def damaged_ends_of_parquet_files(room: Room) -> None:
    """Changed bytes in the description of the columns: one line, and never the end of the process."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    good = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist([{"id": "a", "messages": [{"role": "user", "content": "x"}]}] * 40), good)
    runs = good.getvalue().to_pybytes()
    table = (_saved(room.folder / "good", _table(room).slice(0, 40)) / "00000-a.parquet").read_bytes()
    chance = random.Random(room.seed)

    def _commands() -> Iterator[tuple[str, list[str]]]:
        for number in range(60 if room.small else 1500):
            is_table = number % 2 == 0
            raw = bytearray(table if is_table else runs)
            end = int.from_bytes(raw[-8:-4], "little")
            for _ in range(chance.randrange(1, 4)):
                raw[chance.randrange(len(raw) - 8 - end, len(raw) - 8)] = chance.randrange(256)
            path = room.folder / f"{number}" / "00000-a.parquet"
            path.parent.mkdir()
            path.write_bytes(raw)
            out = ["-o", str(room.folder / "o.jsonl"), "--force"]
            yield f"number {number}", ["measure", str(path.parent)] if is_table else ["curate", str(path), *out]

    for _ in hesnr_all(room, _commands()):
        pass


@attack("hostile tables")
def large_files_of_others_in_a_score_store(room: Room) -> None:
    """300 MB of JSON in the place of the settings and of the fingerprints: a run does not decode them."""
    inputs.write_rows(room.folder / "in.jsonl", [inputs.row()])
    for name in ("store/aaaa/settings.json", "store/fingerprints.json"):
        path = room.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"[" + b"{}," * 100_000_000 + b"{}]")
    room.lm_eval({"trajectories": "in.jsonl"}, model_args=f"pretrained={MODEL},dtype=float32,score_store=store")
