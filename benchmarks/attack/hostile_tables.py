"""Attacks with hostile token tables and results files, which `measure` and `diagnose` read."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.attack import inputs
from benchmarks.attack.cases import Answer, ask_all, hesnr_all
from benchmarks.attack.mutations import broken_bytes, broken_json
from benchmarks.attack.table import Room, attack

COLUMNS: dict[str, tuple[Any, ...]] = {
    "logprob": (5.0, float("nan"), float("inf"), float("-inf"), 1e-3),
    "entropy": (-5.0, float("nan"), float("inf"), 99.0),
    "rank": (0, -1, 2**31 - 1),
    "top_mass": (7.0, -1.0, float("nan"), 0.0),
    "char_end": (0, -1),
    "n_bytes": (2**31 - 1, 0, 5, -2),
}
"""Values that no model gives, by column."""
ROWS: dict[str, dict[str, Any]] = {
    "a certain token with entropy": {"logprob": -1e-7, "rank": 1, "top_mass": 1.0, "entropy": 2.302585},
    "rank 1 below the share of each candidate": {"logprob": -3.0, "rank": 1, "top_mass": 0.9},
    "a rank that the probability excludes": {"logprob": -0.1, "rank": 9},
}
"""Values that no model gives together."""
SIGNATURES: dict[str, Any] = {
    "k = 0": {"k": 0}, "k = 1": {"k": 1}, "k = -3": {"k": -3}, "k = 10^9": {"k": 10**9}, "k = 10^400": {"k": 10**400},
    "k is text": {"k": "10"}, "k is true": {"k": True}, "k is 10.5": {"k": 10.5}, "k is a list": {"k": [10]},
    "no k": {"k": None}, "a model with escapes": {"model": "\x1b[31mred\x9b31m\u3164"},
    "a model with a half surrogate": {"model": "\ud800"}, "a model that is a list": {"model": [[]]},
}  # fmt: skip


def case(value: dict[str, Any]) -> str:
    """Write a token table with one hostile part into a folder, next to a good one. This runs in the worker."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    n = value.get("n", 40)
    chance = random.Random(0)
    k = 10
    columns: dict[str, list[Any]] = {
        "logprob": [-3 - chance.random() for _ in range(n)], "entropy": [chance.random() * 2.2 for _ in range(n)],
        "rank": [chance.randrange(2, 15) for _ in range(n)], "top_mass": [0.9 + chance.random() / 20 for _ in range(n)],
        "char_end": list(range(1, n + 1)), "n_bytes": [1] * n,
    }  # fmt: skip
    if "column" in value:
        columns[value["column"]][7] = value["value"]
    for name, one in value.get("row", {}).items():
        columns[name][7] = one
    types = {
        "char_end": pa.int32(),
        "n_bytes": pa.int32(),
        "logprob": pa.float32(),
        "entropy": pa.float32(),
        "rank": pa.int32(),
        "top_mass": pa.float32(),
    }
    numbers = {name: pa.array(range(n), pa.int32()) for name in ("position", "token_id", "char_start")}
    arrays = {
        "doc_id": pa.array([0] * n, pa.int32()), **numbers,
        "label": pa.array(["code", "thought"] * (n // 2)).dictionary_encode(),
        **{name: pa.array(column, types[name]) for name, column in columns.items()},
    }  # fmt: skip
    for name in value.get("without", []):
        del arrays[name]
    for name, kind in value.get("types", {}).items():
        arrays[name] = pa.array([None if kind == "null" else "x"] * n)
    signature = {"model": "m", "k": k, "render": "transcript", "label_rules": 1} | value.get("signature", {})
    table = pa.table(arrays)
    metadata = {"hesnr": json.dumps(signature), "trajectory": value.get("name", "a run").encode("utf-8", "replace")}
    folder = Path(value["folder"])
    folder.mkdir(parents=True)
    pq.write_table(table.replace_schema_metadata(metadata | value.get("metadata", {})), folder / "00000-a.parquet")
    return str(folder)


def _tables(room: Room) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Name, value of the case, and whether `measure` may accept the table."""
    yield "good", {}, True
    for column, values in COLUMNS.items():
        for value in values:
            may_pass = (column, value) == ("rank", 2**31 - 1)
            yield f"{column} = {value}", {"column": column, "value": value}, may_pass
    for what, row in ROWS.items():
        yield what, {"row": row}, False
    for what, signature in SIGNATURES.items():
        yield what, {"signature": signature}, what.startswith("a model")
    for column in ("logprob", "label", "rank", "char_start"):
        yield f"no {column}", {"without": [column]}, column == "char_start"
        yield f"{column} is text", {"types": {column: "text"}}, False
        yield f"{column} is null", {"types": {column: "null"}}, column == "char_start"
    yield "deep signature", {"metadata": {"hesnr": '{"k": 10, "a": ' + "[" * 100_000 + "]" * 100_000 + "}"}}, False
    yield "no metadata", {"metadata": {"hesnr": ""}}, False
    yield "a name with escapes", {"name": "\x1b[31mred\x9b31m"}, True


@attack("hostile tables", small=True)
def token_tables(room: Room) -> None:
    """Impossible values are refused by name, and good tables are measured."""
    accepted: dict[str, bool] = {}
    made: list[tuple[str, Any]] = []
    for number, (what, value, may_pass) in enumerate(_tables(room)):
        made.append((what, value | {"folder": str(room.folder / f"{number}")}))
        accepted[what] = may_pass
    folders = [(what, answer.result) for what, answer in ask_all(room, "hostile_tables", made)]
    commands = [(what, ["measure", folder, "--json"]) for what, folder in folders if isinstance(folder, str)]
    for what, answer in hesnr_all(room, commands):
        if answer.result == 0 and not accepted[what]:
            room.fault(f"{what}: accepted{_he_snr(answer)}")
        if what == "good":
            room.expect(answer.result == 0, f"the good table was refused: {answer.printed.strip()[-200:]}")
    plain = [(what, ["measure", folder]) for what, folder in folders if isinstance(folder, str) and accepted[what]]
    for _ in hesnr_all(room, plain):
        pass


def _he_snr(answer: Answer) -> str:
    at = answer.printed.find('"he_snr"')
    return f" with {answer.printed[at : at + 30]!r}" if at >= 0 else ""


@attack("hostile tables")
def token_tables_with_broken_bytes(room: Room) -> None:
    """A good table with changed bytes: refused or measured, and never a crash of the Parquet library."""
    made = [("good", {"folder": str(room.folder / "good")})]
    ((_, answer),) = ask_all(room, "hostile_tables", made)
    good = (Path(answer.result) / "00000-a.parquet").read_bytes()
    chance = random.Random(room.seed)

    def _commands() -> Iterator[tuple[str, list[str]]]:
        for number in range(500):
            folder = room.folder / f"{number}"
            folder.mkdir()
            (folder / "00000-a.parquet").write_bytes(broken_bytes(good, chance))
            yield f"number {number}", ["measure", str(folder)]

    for _ in hesnr_all(room, _commands()):
        pass


@attack("hostile tables")
def results_files(room: Room) -> None:
    """Results files with broken values, through `diagnose`: findings or one line."""
    inputs.write_rows(room.folder / "in.jsonl", [inputs.row(f"{n}") for n in range(3)])
    room.lm_eval({"trajectories": "in.jsonl"}, "--output_path", "results")
    path = next((room.folder / "results").rglob("results_*.json"), None)
    if path is None:
        room.fault("no results file")
        return
    good = path.read_text(encoding="utf-8")
    chance = random.Random(room.seed)

    def _commands() -> Iterator[tuple[str, list[str]]]:
        for number in range(1500):
            broken = room.folder / f"results_{number}.json"
            broken.write_text(broken_json(good, chance), encoding="utf-8")
            yield f"number {number}", ["diagnose", str(broken), str(path)]
            broken.unlink()
        text = json.loads(good)
        for what, change in (("model", "\x1b[31mred\u3164"), ("half", "\ud800")):
            text["model_name"] = text["config"]["model"] = change
            named = room.folder / f"results_{what}.json"
            named.write_text(json.dumps(text))
            yield f"a model name, {what}", ["diagnose", str(named)]

    for _ in hesnr_all(room, _commands()):
        pass
