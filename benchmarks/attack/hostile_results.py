"""Attacks with hostile results files, through `measure` of several runs and through every format of `export`."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.attack import inputs
from benchmarks.attack.cases import hesnr_all
from benchmarks.attack.hostile_names import names_of
from benchmarks.attack.mutations import broken_json
from benchmarks.attack.table import Room, attack

TEXTS = ("csv", "markdown", "latex", "github-summary", "eval-results", "model-index")
FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
"""A cell that begins with one of them is calculated by spreadsheets."""
HUB = ["--model-id", "a/b", "--dataset-id", "a/b"]


def measured(room: Room) -> tuple[Path, Path]:
    """A real results file and its token tables: six small runs."""
    inputs.write_rows(room.folder / "in.jsonl", [inputs.row(f"{n}") for n in range(6)])
    room.lm_eval({"trajectories": "in.jsonl", "token_table": "tables"}, "--output_path", "results")
    return next((room.folder / "results").rglob("results_*.json")), room.folder / "tables"


def is_number(cell: str) -> bool:
    """Whether a cell is a number."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _exports(results: str, out: Path) -> Iterator[list[str]]:
    """The command of each format that needs no other program."""
    for name in TEXTS:
        yield ["export", results, "--to", name, *(HUB if name in TEXTS[-2:] else [])]
    yield ["export", results, "--to", "every-eval-ever", *HUB, "--organization", "x", "-o", str(out)]


def _comparisons(broken: str, good: str, tables: str) -> Iterator[list[str]]:
    yield ["measure", good, broken]
    yield ["measure", broken, good, "--per-trajectory", "--json"]
    yield ["measure", broken, good, "--csv"]
    yield ["measure", tables, broken]
    yield ["diagnose", good, broken]


@attack("hostile results")
def broken_results_in_comparisons_and_exports(room: Room) -> None:
    """1000 results files with broken values: numbers, or one line. No export is written outside of its folder."""
    path, tables = measured(room)
    good = path.read_text(encoding="utf-8")
    chance = random.Random(room.seed)
    out = room.folder / "records"

    def _commands() -> Iterator[tuple[str, list[str]]]:
        for number in range(1000):
            broken = room.folder / f"results_{number}.json"
            broken.write_text(broken_json(good, chance), encoding="utf-8")
            every = [*_comparisons(str(broken), str(path), str(tables)), *_exports(str(broken), out)]
            command = every[number % len(every)]
            yield f"number {number}, {' '.join(command[:1] + command[2:4])[:60]}", command
            broken.unlink()

    for _ in hesnr_all(room, _commands()):
        pass
    found = {one.name for one in room.folder.iterdir()} - {"in.jsonl", "tables", "results", "records"}
    room.expect(not found, f"unexpected files: {sorted(found)[:3]}")


def renamed(content: dict[str, Any], name: str, kind: str) -> dict[str, Any]:
    """The results with the name in every place that takes a text. It is cut, so that the output is kept whole.

    If the kind is `model`, it is only the name of the model, so that all other checks pass.
    """
    found: dict[str, Any] = json.loads(json.dumps(content))
    if kind == "model":
        found["configs"]["swe_hesnr"]["signature"]["model"] = found["model_name"] = name
        return found
    name = name[:500]
    task, scope = name or "x", name or "y"
    for key in ("results", "configs"):
        found[key] = {task: found[key]["swe_hesnr"]}
    config = found["configs"][task]
    config["signature"] |= dict.fromkeys(
        ("model", "revision", "dtype", "tokenizer", "trajectories", "transformers"), name
    )
    config["summary"][scope] = config["summary"]["action"]
    config["documents"]["ids"] = [f"{name}{i}" for i, _ in enumerate(config["documents"]["ids"])]
    found["results"][task] |= {f"he_snr,{scope}": 0.1, f"{name},action": 0.1}
    return {**found, "model_name": name, "lm_eval_version": name, "transformers_version": name}


def files_with_names(room: Room, content: dict[str, Any], folder: Path) -> Iterator[tuple[str, str, str, Path]]:
    """For each hostile name, and each place for it: what it is, the place, the name, and a results file that has it."""
    for what, name in names_of(room).items():
        for kind in ("whole", "model"):
            file = folder / f"results_{what} {kind}.json"
            file.write_text(json.dumps(renamed(content, name, kind)), encoding="utf-8")
            yield what, kind, name, file


@attack("hostile results")
def names_in_results_files(room: Room) -> None:
    """Names of models, tasks, scopes, settings and trajectories: every CSV can be read, and nothing acts."""
    path, tables = measured(room)
    content = json.loads(path.read_text(encoding="utf-8"))
    folder = room.folder / "named"
    folder.mkdir()

    def _commands() -> Iterator[tuple[str, list[str]]]:
        for what, kind, _, file in files_with_names(room, content, folder):
            for command in [*_comparisons(str(file), str(path), str(tables)), *_exports(str(file), folder / "out")]:
                yield f"{what}, {kind}: {' '.join(command[:1] + command[2:4])[:60]}", command

    for name, answer in hesnr_all(room, _commands()):
        if "--to csv" in name and answer.result == 0:
            lines = [line for line in answer.printed.split("\r\n") if line]
            rows = list(csv.reader(io.StringIO("\r\n".join(lines), newline="")))
            room.expect(len({len(row) for row in rows}) == 1, f"{name}: rows of different lengths")
            formulas = [cell for row in rows for cell in row if cell.strip()[:1] in FORMULA and not is_number(cell)]
            room.expect(not formulas, f"{name}: a spreadsheet calculates {formulas[:1]}")
    found = {one.name for one in room.folder.iterdir()} - {"in.jsonl", "tables", "results", "named"}
    outside = list(room.folder.parent.glob(f"{room.folder.name}-above*"))
    room.expect(not found and not outside, f"unexpected files: {sorted(found)[:3]} {outside[:3]}")
    records = [one for one in folder.rglob("*.json") if one.parent != folder]
    room.expect(all(one.is_relative_to(folder / "out" / "data") for one in records), "a record outside of data/")
    room.notes.append(f"{len(records)} records")
