"""Attacks with hostile ids, names and texts, through every command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.attack import inputs
from benchmarks.attack.cases import hesnr_all
from benchmarks.attack.table import MODEL, Room, attack

NAMES = {
    "red": "\x1b[31mred\x1b[0m",
    "title": "\x1b]0;title\x07",
    "C1 escape": "\x9b31mred",
    "clear screen": "\x1b[2J\x1b[H",
    "carriage return": "good\rbad",
    "new lines": "one\ntwo\r\nthree\x0bfour\u2028five",
    "backspace": "bad\x08\x08\x08good",
    "zero": "a\x00b",
    "half surrogate": "a\ud800b",
    "pair of halves": "\udce9\udcff",
    "right to left": "a\u202egpj.exe",
    "hidden": "a\u3164b\u115fc\u200bd",
    "folder above": "../../ABOVE",
    "absolute": "/ROOM/absolute",
    "backslashes": "..\\..\\above",
    "home": "~/x",
    "HTML": "<script>alert(1)</script>",
    "HTML that closes a script": "</script><img src=x onerror=alert(1)>",
    "HTML that closes an attribute": "\"'><b onmouseover=alert(1)>",
    "formula": '=HYPERLINK("http://a.invalid")',
    "formula with a sign": "+1-@SUM(A1)",
    "markdown": "|a|b|\n|---|---|\n`x`",
    "format": "%s %n {0} {} {{",
    "shell": "$(touch above) `touch above`; touch above",
    "glob": "*[a-z]?",
    "number": "1",
    "negative": "-1",
    "option": "--plain",
    "empty": "",
    "blank": " ",
    "dots": "..",
    "device": "CON.",
    "long": "x" * 10_000,
    "long and wide": "漢" * 10_000,
    "combining": "e" + "\u0301" * 5000,
    "emoji": "👩‍👩‍👧‍👦" * 500,
}
"""Names by what is hostile in them. `names_of` replaces the words in capitals."""
ESCAPES = ("red", "title", "C1 escape", "clear screen", "zero", "half surrogate", "hidden")
"""Names for the places that take longer to try."""


def names_of(room: Room) -> dict[str, str]:
    """The names, with paths that belong to this room."""
    return {
        what: name.replace("/ROOM", str(room.folder)).replace("ABOVE", f"{room.folder.name}-above")
        for what, name in NAMES.items()
    }


def _expect_nothing_outside(room: Room) -> None:
    outside = [path.name for path in room.folder.parent.glob(f"{room.folder.name}-above*")]
    outside += [path.name for path in room.folder.rglob("above*")]
    outside += [path.name for path in room.folder.glob("absolute*")]
    room.expect(not outside, f"a name was executed, or used as a path: {outside}")


def hostile_row(name: str) -> dict[str, Any]:
    """A curated row with the name in every place that takes a text."""
    call = {"tool": name or "x", "arguments": {name or "x": name, "command": f"echo '{name}'"}, "executed": True}
    segments = [
        {"kind": "system", "text": f"system {name}", "generated": False},
        {"kind": "task", "text": f"Fix {name}.", "generated": False},
        {"kind": "thought", "text": f"Hm, {name}.", "generated": True},
        {"kind": "action", "text": f"echo '{name}'", "generated": True, "calls": [call]},
        {"kind": "observation", "text": name, "generated": False},
    ]
    meta = {"instance_id": name, name: name}
    return inputs.row(name, source=name or "x", model=name, segments=segments, meta=meta)


def _commands(folder: Path, names: dict[str, str]) -> Iterator[tuple[str, list[str]]]:
    for what, name in names.items():
        good, bad = folder / f"{what}.jsonl", folder / f"{what} bad.jsonl"
        inputs.write_rows(good, [hostile_row(name), hostile_row(name)])
        broken = [
            {**hostile_row(name), "segments": [{"kind": name, "text": 1}]},
            {**hostile_row(name), "resolved": name},
            {"format": name, "messages": [{"role": name, "content": name}]},
            {name: name},
            inputs.chat(("user", name), ("assistant", name), (name, name)),
        ]
        inputs.write_rows(bad, broken)
        out = str(folder / f"{what}.out.jsonl")
        yield f"curate, {what}", ["curate", str(good), str(bad), "-o", out, "-v", "--dedupe"]
        yield f"curate --strict, {what}", ["curate", str(bad), "-o", f"{out}.strict.jsonl", "--strict"]
        yield f"show, {what}", ["show", str(good), "--plain"]
        yield f"show bad, {what}", ["show", str(bad), "--plain"]
        if "\x00" not in name and name.isprintable():
            yield f"show --doc, {what}", ["show", str(good), "--plain", f"--doc={name}"]


@attack("hostile names", small=True)
def names_in_files(room: Room) -> None:
    """Ids, formats, roles, tools, arguments and texts of each kind, through `curate` and `show`."""
    folder = room.folder / "in"
    folder.mkdir()
    for name, answer in hesnr_all(room, _commands(folder, names_of(room))):
        if name.startswith("curate, "):
            what = name.partition(", ")[2]
            out = folder / f"{what}.out.jsonl"
            room.expect(out.exists() and out.stat().st_size > 0, f"{what}: the good run was not written")
        room.expect("Errno" not in answer.printed, f"{name}: {answer.printed.strip()[-100:]!r}")
    _expect_nothing_outside(room)


def _arguments(folder: Path, names: dict[str, str]) -> Iterator[tuple[str, list[str]]]:
    good = str(folder / "in.jsonl")
    for what, name in names.items():
        if "\x00" in name or not name or any("\ud800" <= one < "\udc80" for one in name):
            continue  # no shell can pass them
        for words in (
            ["sample", name], [name], ["sample", f"--form={name}"], ["show", good, f"--doc={name}"],
            ["show", good, f"--labels={name}"], ["curate", good, "-o", name], ["curate", good, f"--source={name}"],
            ["curate", good, "-o", f"{folder}/o.jsonl", f"--source={name}"],
            ["curate", good, "-o", "o.jsonl", "-j", name],
            ["curate", good, "-o", f"{folder}/p.jsonl", f"--tokenizer={name}", "--max-tokens=5"],
            ["measure", name], ["measure", str(folder), f"--scopes={name}"],
            ["measure", str(folder), f"--epsilon={name}"],
            ["measure", str(folder), f"--threshold={name}"], ["diagnose", name],
            ["measure", name, str(folder)], ["measure", str(folder), str(folder), f"--baseline={name}"],
            ["measure", str(folder), f"--set-of={name}"], ["measure", str(folder), f"--task={name}"],
            ["export", name, "--to=csv"], ["export", good, f"--to={name}"], ["export", str(folder), f"--scope={name}"],
            ["export", good, "--to=model-index", f"--model-id={name}"],
            ["sweep", name, "no-such", "-o", "OUT"], ["sweep", "no-such", "-o", "OUT", f"--steps={name}"],
            ["sweep", f"{name}=no-such", "-o", "OUT"], ["sweep", "no-such", "-o", name],
            ["sweep", "--config", name, "-o", "OUT"], ["sweep", "no-such", "-o", "OUT", f"--gpus={name}"],
        ):  # fmt: skip
            yield f"{' '.join(words)[:40]!r}, {what}", words


@attack("hostile names", small=True)
def names_on_the_command_line(room: Room) -> None:
    """The same names as arguments of every command: exit status 0, 1 or 2, and nothing that acts on the terminal."""
    folder = room.folder / "in"
    folder.mkdir()
    inputs.write_rows(folder / "in.jsonl", [inputs.row()])
    names = {what: name for what, name in names_of(room).items() if what in ESCAPES or not room.small}
    for _ in hesnr_all(room, _arguments(folder, names)):
        pass
    _expect_nothing_outside(room)


@attack("hostile names", small=True)
def names_through_a_whole_run(room: Room) -> None:
    """`lm_eval` with token tables and samples, then `measure` and `diagnose`: numbers, and files only where they go."""
    names = {
        what: name for what, name in names_of(room).items() if name and (not room.small or what in (*ESCAPES, "long"))
    }
    inputs.write_rows(room.folder / "in.jsonl", [hostile_row(name[:2000]) for name in names.values()])
    room.lm_eval(
        {"trajectories": "in.jsonl", "token_table": "tables", "max_tokens": 3000}, "--log_samples",
        "--output_path", "results",
    )  # fmt: skip
    found = {path.name for path in room.folder.iterdir()}
    room.expect(found == {"in.jsonl", "tables", "results"}, f"unexpected files: {sorted(found)}")
    _expect_nothing_outside(room)
    results = list((room.folder / "results").rglob("results_*.json"))
    room.expect(len(results) == 1 and results[0].stat().st_size > 0, "the results file is missing or empty")
    for path in results:
        try:
            numbers = json.loads(path.read_text(encoding="utf-8"))["results"]["swe_hesnr"]
            room.expect(isinstance(numbers["ppl,all"], float), "no perplexity in the results file")
        except (ValueError, KeyError) as error:
            room.fault(f"the results file cannot be read: {error}")
    room.hesnr("measure", "tables", statuses=(0,))
    room.hesnr("diagnose", *results, statuses=(0, 1))
    room.hesnr("export", *results, "--to", "csv", statuses=(0,))
    if not room.small:
        room.hesnr("measure", "tables", "tables", statuses=(0,))
        room.hesnr("measure", "tables", "--json", statuses=(0,))


@attack("hostile names")
def names_in_the_options_of_a_run(room: Room) -> None:
    """Keys and values of --metadata, --model_args and names of models with escapes: one line, exit status 1 or 2.

    A key that is not similar to one of ours is ignored, because other tasks may use it. The harness itself logs the
    model's arguments, and escapes what Python does not call printable.
    """
    inputs.write_rows(room.folder / "in.jsonl", [inputs.row()])
    escapes = NAMES["red"] + NAMES["C1 escape"]
    red = escapes + NAMES["hidden"]
    good = {"trajectories": "in.jsonl"}
    for what, metadata, model_args in (
        ("another key", {**good, f"epsilo{red}": 1}, ""),
        ("a misspelt key", {**good, "epsilon\x1b\u3164": 1}, ""),
        ("a scope", {**good, "scopes": [red]}, ""),
        ("an own scope", {**good, "scopes": [{red: ["code"]}]}, ""),
        ("trajectories", {"trajectories": red}, ""),
        ("a path of 300 characters", {"trajectories": "x" * 300}, ""),
        ("an unknown user", {"trajectories": "~nosuchuser/x"}, ""),
        ("token_table of an unknown user", {**good, "token_table": "~nosuchuser/x"}, ""),
        ("a model", good, f"pretrained={escapes}"),
        ("a model argument", good, f"pretrained={MODEL},{escapes}=1"),
        ("dtype", good, f"pretrained={MODEL},dtype=float33"),
        ("a store of an unknown user", good, f"pretrained={MODEL},score_store=~nosuchuser/x"),
        ("a store in a long path", good, f"pretrained={MODEL},score_store={'x' * 300}"),
        ("mem_budget", good, f"pretrained={MODEL},mem_budget={escapes}"),
    ):
        chosen = {"model_args": model_args} if model_args else {}
        statuses = (0,) if what == "another key" else (0, 1, 2) if what == "an own scope" else (1, 2)
        room.lm_eval(metadata, statuses=statuses, what=what, **chosen)
