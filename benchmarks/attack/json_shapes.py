"""Attacks with JSON that is deep, wide, or long in one place."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.attack import inputs
from benchmarks.attack.table import MOST_MEGABYTES, Room, attack

CHAT = '{{"messages": [{{"role": "user", "content": "Fix it."}}, {{"role": "assistant", "content": {content}}}]}}'


def _shapes(n: int) -> Iterator[tuple[str, str]]:
    """Names and texts of JSON files; each has about n characters."""
    yield "lists in lists", "[" * (n // 2) + "]" * (n // 2)
    yield "lists never closed", "[" * n
    yield "objects in objects", '{"a":' * (n // 6) + "1" + "}" * (n // 6)
    yield "deep content", CHAT.format(content="[" * (n // 2) + "]" * (n // 2))
    yield "many keys", "{" + ",".join(f'"k{i}":{i}' for i in range(n // 14)) + "}"
    yield "one key again and again", "{" + ",".join('"messages":[]' for _ in range(n // 14)) + "}"
    yield "many numbers", "[" + "0," * (n // 2) + "0]"
    yield "one long number", CHAT.format(content="9" * n)
    yield "one number with a large exponent", CHAT.format(content="1e" + "9" * n)
    yield "escapes", CHAT.format(content='"' + "\\u0000" * (n // 6) + '"')
    yield "half surrogates", CHAT.format(content='"' + "\\ud800" * (n // 6) + '"')
    yield "many empty turns", json.dumps({"messages": [{"role": "assistant", "content": ""}] * (n // 40)})
    yield "many roles", json.dumps({"messages": [{"role": f"r{i}", "content": "x"} for i in range(n // 40)]})
    yield "quotes", '"' * n
    yield "blanks", " " * n + "{}"
    yield "NaN", CHAT.format(content="[" + "NaN," * (n // 4) + "Infinity]")
    text: object = "x"
    for _ in range(18):  # JSON in JSON: every level doubles the escapes
        text = json.dumps({"arguments": text})
    call = {"id": "1", "type": "function", "function": {"name": "bash", "arguments": text}}
    yield "JSON in JSON", json.dumps({"messages": [{"role": "assistant", "content": "x", "tool_calls": [call]}]})
    keys = json.dumps({f"key{i}": "value" for i in range(200)})
    wide = {"id": "1", "type": "function", "function": {"name": "run", "arguments": keys}}
    yield (
        "calls times keys",
        json.dumps({"messages": [{"role": "assistant", "content": keys, "tool_calls": [wide] * (n // len(keys))}]}),
    )


def _shape(name: str) -> Callable[[Room], None]:
    def _work(room: Room) -> None:
        text = dict(_shapes(200_000 if room.small else 4_000_000))[name]
        folder = room.folder / "in"
        folder.mkdir()
        (folder / "shape.json").write_text(text, encoding="utf-8")
        (folder / "shape.jsonl").write_text(f"{text}\n" * 2, encoding="utf-8")
        inputs.write_rows(folder / "good.jsonl", [inputs.row()])
        _curated(room, folder)

    return _work


def _curated(room: Room, folder: Path) -> None:
    """Curate the folder; the good run in it is written."""
    out = room.folder / "out.jsonl"
    room.hesnr("curate", folder, "-o", out, statuses=(0, 1), seconds=60, megabytes=MOST_MEGABYTES)
    written = out.read_text(encoding="utf-8").count('"a run"') if out.exists() else 0
    room.expect(written == 1, f"the good run was written {written} times")


for _name, _ in _shapes(100):
    attack("JSON", name=_name, small=_name in ("lists in lists", "calls times keys"))(_shape(_name))


@attack("JSON", small=True)
def large_report_next_to_many_rows(room: Room) -> None:
    """A report of 7 MB next to 300 rows is not parsed 300 times."""
    folder = room.folder / "in"
    folder.mkdir()
    report = {"resolved_ids": [f"id {i}" for i in range(100_000 if room.small else 700_000)]}
    for name in ("report.json", "results.json", "a.b.json"):
        (folder / name).write_text(json.dumps(report))
    chat = inputs.chat(*inputs.TURNS)
    inputs.write_rows(folder / "rows.jsonl", [{**chat, "instance_id": f"id {i}"} for i in range(300)])
    room.hesnr("curate", "in", "-o", "out.jsonl", statuses=(0, 1), seconds=30, megabytes=600)


@attack("JSON")
def many_files(room: Room) -> None:
    """20 000 small files, half of them bad, in one folder: linear time and few lines of output."""
    folder = room.folder / "in"
    folder.mkdir()
    for number in range(20_000):
        (folder / f"{number}.json").write_text('{"messages": [' if number % 2 else json.dumps(inputs.row(f"{number}")))
    done = room.hesnr("curate", "in", "-o", "out.jsonl", statuses=(1,), seconds=180, megabytes=600)
    room.notes.append(f"{len(done.output.splitlines())} lines of output")


@attack("JSON", small=True)
def junk_names_the_error_first(room: Room) -> None:
    """`show` and `curate` on junk: no empty tables, and few characters."""
    (room.folder / "junk.json").write_text('{"hello": "world"}')
    for command in (["show", "junk.json"], ["curate", "junk.json", "-o", "out.jsonl"]):
        done = room.hesnr(*command, statuses=(1, 2))
        room.expect("junk.json" in done.output, f"{command[0]}: the file is not named")
        room.expect("characters written" not in done.output, f"{command[0]}: an empty table is printed")
