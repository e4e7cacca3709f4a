"""Attacks on the commands about several runs: `report`, `correlate`, `plan`, and `measure --set-of`."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path

from benchmarks.attack.cases import hesnr_all
from benchmarks.attack.hostile_names import names_of
from benchmarks.attack.hostile_results import files_with_names, measured
from benchmarks.attack.limits import Limits
from benchmarks.attack.mutations import broken_bytes, broken_json
from benchmarks.attack.sweeps import KINDS, special
from benchmarks.attack.table import Room, attack, state

LIMITS = Limits(seconds=60, megabytes=1000)


class Tags(HTMLParser):
    """The elements of a page that can act, and where."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.scripts, self.acting, self.policy = 0, list[str](), ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Count scripts, and keep what a hostile name could add."""
        self.scripts += tag == "script"
        if tag == "meta" and ("http-equiv", "Content-Security-Policy") in attrs:
            self.policy = dict(attrs)["content"] or ""
        acts = tag in ("img", "iframe", "object", "embed", "form", "base", "link")
        for name, value in attrs:
            address = (value or "").strip().lower()
            acts |= name.startswith("on") or address.startswith(("javascript:", "http:", "data:text"))
        if acts:
            self.acting.append(f"<{tag} {attrs}>"[:100])


def _judge_page(room: Room, what: str, path: Path, good: Tags) -> None:
    tags = Tags(path.read_text(encoding="utf-8"))
    room.expect("default-src 'none'" in tags.policy, f"{what}: the page has no security policy")
    room.expect(tags.scripts == good.scripts, f"{what}: {tags.scripts} scripts, not {good.scripts}")
    added = [one for one in tags.acting if one not in good.acting]
    room.expect(not added, f"{what}: the page has {added[:2]}")


@attack("reports", seconds=1800)
def names_in_reports(room: Room) -> None:
    """Hostile names of models, tasks, scopes and trajectories, and as a title: the page has no element of a name."""
    path, tables = measured(room)
    content = json.loads(path.read_text(encoding="utf-8"))
    page = room.folder / "page.html"
    room.hesnr("report", path, tables, "-o", page, statuses=(0, 1))
    good = Tags(page.read_text(encoding="utf-8"))
    named = room.folder / "named"
    named.mkdir()

    def _commands() -> Iterator[tuple[str, list[str]]]:
        for what, kind, name, file in files_with_names(room, content, named):
            out = ["-o", str(named / f"{what} {kind}.html"), "--force"]
            title = [f"--title={name}"] if name.isascii() and "\x00" not in name else []
            yield f"{what} {kind}", ["report", str(path), str(file), str(tables), *out, *title]

    for name, answer in hesnr_all(room, _commands(), limits=LIMITS):
        if answer.result == 0:
            _judge_page(room, name, named / f"{name}.html", good)
    made = len(list(named.glob("*.html")))
    room.expect(made > 20, f"only {made} pages were made")
    room.notes.append(f"{made} pages")


@attack("reports", seconds=1800)
def broken_inputs_of_reports(room: Room) -> None:
    """400 results files and token tables with broken values or bytes: a page with the good runs, or one line."""
    path, tables = measured(room)
    good, table = path.read_text(encoding="utf-8"), next(tables.glob("*.parquet"))
    chance = random.Random(room.seed)
    page = str(room.folder / "page.html")
    broken, broken_tables = room.folder / "results_broken.json", room.folder / "broken"
    shutil.copytree(tables, broken_tables)

    def _commands() -> Iterator[tuple[str, list[str]]]:
        for number in range(400):
            broken.write_text(broken_json(good, chance), encoding="utf-8")
            (broken_tables / table.name).write_bytes(broken_bytes(table.read_bytes(), chance))
            every = (
                ["report", str(path), str(broken)], ["report", str(broken), str(path), "--set-of", str(path)],
                ["report", str(path), str(tables), str(broken_tables)],
                ["report", str(tables), str(broken_tables), "--set-of", str(broken_tables)],
                ["measure", str(tables), "--set-of", str(broken_tables)],
            )  # fmt: skip
            command = every[number % len(every)]
            yield f"number {number}, {command[0]}", [*command, *(["-o", page, "--force"] * (command[0] == "report"))]

    for _ in hesnr_all(room, _commands(), limits=LIMITS):
        pass


def _study(room: Room) -> list[str]:
    """A small study in the folder: SCORES.csv and twelve results files. The arguments of `correlate` for them."""
    from tests.results.correlate.made_up import study, write_study

    folder = write_study(room.folder / "study", study("nobody can know"))
    return [str(folder / "scores.csv"), str(folder / "results")]


def _many(part: str, n: int) -> Callable[[], str]:
    return lambda: part * n


HEAD = "checkpoint,passed,tasks"
GOOD = f"{HEAD}\n" + "".join(f"A-step{n}000,{20 + n},100\n" for n in range(1, 13))
SCORES: dict[str, str | Callable[[], str]] = {
    "NaN": f"{HEAD}\nA,nan,100\n", "infinite": f"{HEAD}\nA,inf,1e999\n", "negative": f"{HEAD}\nA,-1,100\n",
    "huge": f"{HEAD}\nA,{'9' * 5000},{'9' * 5000}\n", "exponent": f"{HEAD},step\nA,1,2,1e99\nB,1,2,9e999999999\n",
    "zero tasks": f"{HEAD}\nA,0,0\n", "a step of 400 digits": f"{HEAD}\nstep{'9' * 400},1,2\n",
    "a step of 5000 digits": f"{HEAD}\nstep{'9' * 5000},1,2\n", "other digits": f"{HEAD}\nA,١,٢\n",
    "escapes": f"{HEAD}\n\x1b[31mA\x9b2J\u3164,1,2\n", "escapes in a number": f"{HEAD}\nA,\x1b[31m1,2\n",
    "escapes in the header": f"{HEAD},\x1b[31m,\x1b[31m\nA,1,2,3,4\n", "a zero": f"{HEAD}\nA\x00,1,2\n",
    "HTML": f"{HEAD},family\n<script>alert(1)</script>,1,2,<img src=x onerror=alert(1)>\n",
    "a formula": f"{HEAD}\n=1+1,1,2\n'=1+1,1,2\n", "an open quote": f'{HEAD}\n"A,1,2\n', "quotes": '"' * 100_001,
    "a long cell": _many("x", 200_000), "half surrogates": f"{HEAD}\n\ud800,1,2\n", "empty": "", "blank": " \n\n",
    "a header alone": f"{HEAD}\n", "semicolons": HEAD.replace(",", ";") + "\nA;1;2\n", "UTF-16": "\ufffe\x00c\x00h",
    "many rows": lambda: HEAD + "\n" + "A,1,2\n" * 5_000_000, "many names": lambda: HEAD + "\n" + "".join(
        f"{n},1,2\n" for n in range(300_000)), "many short rows": lambda: "checkpoint\n" + "a\n" * 20_000_000,
    "many columns": lambda: HEAD + "".join(f",c{n}" for n in range(400_000)) + "\nA,1,2\n",
    "many empty columns": lambda: HEAD + "," * 3_000_000 + "\n",
    "the same column": lambda: HEAD + ",checkpoint" * 100_000 + "\n", "blank lines": _many("\n", 30_000_000),
    "long names": lambda: HEAD + "\n" + "".join(f"{'x' * 100_000}{n},1,2\n" for n in range(100)),
}  # fmt: skip
"""Hostile SCORES.csv, by what is hostile in them."""

LINE = '{"checkpoint": "A-step1000", "task": "t", "attempt": 1, "passed": true}\n'
OUTCOMES: dict[str, str | Callable[[], str]] = {
    "empty": "", "a list": "[]\n", "deep": _many("[", 500_000), "deep value": '{"checkpoint": ' + "[" * 5000 + "\n",
    "deep seed": '{"checkpoint": "A", "task": "t", "passed": true, "seed": ' + "[" * 900 + "]" * 900 + "}\n",
    "NaN": LINE.replace("true", "NaN"), "a large attempt": LINE.replace("1,", f"{'9' * 4000},"),
    "a huge attempt": LINE.replace("1,", f"{'9' * 9000},"), "an infinite attempt": LINE.replace("1,", "1e999,"),
    "half surrogates": LINE.replace('"t"', '"\\ud800"'), "escapes": LINE.replace('"t"', '"\\u001b[31m\\u3164"') * 2,
    "a long task": LINE.replace('"t"', '"' + "x" * 10**6 + '"') * 2, "twice": LINE * 2, "not text": "\ud800\x00",
    "keys again": '{"passed": true, ' * 1 + '"checkpoint": "a", ' * 100_000 + '"task": "t"}\n',
    "many lines": lambda: "".join(
        f'{{"checkpoint":"A","task":"t","passed":true,"seed":{n}}}\n' for n in range(3_000_000)),
    "many empty lines": _many("\n", 100_000_000), "junk lines": _many("{}\n", 1_000_000),
}  # fmt: skip
"""Hostile TASKS.jsonl."""


def _write(path: Path, content: str | Callable[[], str]) -> str:
    text = content if isinstance(content, str) else content()
    path.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
    return str(path)


@attack("reports", seconds=1800)
def hostile_scores_and_outcomes(room: Room) -> None:
    """Files of downstream scores that are huge, deep, of odd types, or that act: one line that names the place."""
    good, results = _study(room)
    file = room.folder / "hostile"
    page = ["-o", str(room.folder / "page.html"), "--force"]

    def _commands() -> Iterator[tuple[str, list[str]]]:
        for what, content in SCORES.items():
            yield f"scores, {what}", ["correlate", _write(file, content), results]
            if what in ("HTML", "escapes", "a formula", "many names", "a step of 400 digits"):
                yield f"report --scores, {what}", ["report", results, "--scores", str(file), *page]
        for what, content in OUTCOMES.items():
            yield f"outcomes, {what}", ["correlate", good, results, "--outcomes", _write(file, content)]

    for _ in hesnr_all(room, _commands(), limits=LIMITS):
        pass


@attack("reports", seconds=1800)
def broken_studies(room: Room) -> None:
    """300 studies with broken scores or results, with every output: numbers, or one line. Files only where they go."""
    scores, results = _study(room)
    chance = random.Random(room.seed)
    files = [Path(scores), *sorted(Path(results).rglob("results_*.json"))[:2]]
    good = {file: file.read_text(encoding="utf-8") for file in files}
    room.hesnr("correlate", scores, results)

    def _commands() -> Iterator[tuple[str, list[str]]]:
        for number in range(300):
            file = files[number % len(files)]
            if file == files[0]:
                file.write_bytes(broken_bytes(good[file].encode(), chance))
            else:
                file.write_text(broken_json(good[file], chance), encoding="utf-8")
            out = str(room.folder / "out.json")
            yield f"number {number}", ["correlate", scores, results, "-o", out, "--html", "--force"]
            file.write_text(good[file], encoding="utf-8")

    for _ in hesnr_all(room, _commands(), limits=LIMITS):
        pass
    found = {one.name for one in room.folder.iterdir()} - {"study", "out.json", "out.html"}
    room.expect(not found, f"unexpected files: {sorted(found)[:3]}")


@attack("reports")
def names_in_studies(room: Room) -> None:
    """Hostile names of checkpoints and training runs in scores and results: the page has no element of a name."""
    scores, results = _study(room)
    page = room.folder / "page.html"
    room.hesnr("correlate", scores, results, "-o", page.with_suffix(".json"), "--html")
    good = Tags(page.read_text(encoding="utf-8"))
    lines = Path(scores).read_text().splitlines()
    file = Path(results, lines[1].partition(",")[0], "results_1.json")
    content = json.loads(file.read_text())

    def _commands() -> Iterator[tuple[str, list[str]]]:
        for what, name in names_of(room).items():
            content["configs"]["swe_hesnr"]["signature"]["model"] = name
            file.write_text(json.dumps(content))
            quoted = '"' + name.replace('"', '""') + '"'
            rows = [",".join([quoted if i == 1 else row[0], quoted, *row[2:]])
                    for i, row in enumerate(line.split(",") for line in lines) if i]  # fmt: skip
            _write(Path(scores), "\n".join([lines[0], *rows]))
            yield what, ["correlate", scores, results, "-o", str(page.with_suffix(".json")), "--html", "--force"]

    made = 0
    for name, answer in hesnr_all(room, _commands(), limits=LIMITS):
        if answer.result == 0:
            made += 1
            _judge_page(room, name, page, good)
    room.expect(made > 10, f"only {made} pages were made")
    room.notes.append(f"{made} pages")


@attack("reports")
def special_files_of_studies(room: Room) -> None:
    """FIFOs, devices, folders and bombs in the place of scores, outcomes, results and outputs: one line, in time."""
    scores, results = _study(room)
    place = room.folder / "special"
    target = room.folder / "target"
    target.write_text("a file of somebody else\n")

    def _commands() -> Iterator[tuple[str, list[str]]]:
        for kind in KINDS:
            special(place, kind)
            for command in (
                ["correlate", str(place), results], ["correlate", scores, str(place)],
                ["correlate", scores, results, "--outcomes", str(place)],
                ["correlate", scores, results, "--tables", str(place)],
                ["correlate", scores, results, "-o", str(place)],
                ["report", results, "--scores", str(place), "-o", "page.html"],
                ["report", str(place), results, "-o", "page.html", "--force"], ["report", results, "-o", str(place)],
            ):  # fmt: skip
                yield f"{kind[:20]!r}: {' '.join(command)[:60]}", command
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            place.unlink(missing_ok=True)
        place.symlink_to(target)
        for command in (
            ["correlate", scores, results, "-o", scores, "--force"], ["correlate", scores, results, "-o", str(place)],
            ["report", results, "--scores", scores, "-o", scores, "--force"], ["report", results, "-o", str(place)],
            ["report", results, "-o", str(place), "--force"], ["report", results, "-o", str(target)],
        ):  # fmt: skip
            yield f"{' '.join(command)[:60]}", command

    before = state(room.folder / "study")
    for _ in hesnr_all(room, _commands(), limits=LIMITS):
        pass
    room.expect(state(room.folder / "study") == before, "an input has changed")
    room.expect(target.read_text() == "a file of somebody else\n", "the target of a link was written")


NUMBERS = (
    "nan",
    "inf",
    "-inf",
    "-1",
    "0",
    "1e308",
    "1e-320",
    "0.999999999",
    "1",
    "9" * 400,
    "x",
    "",
    "1_0",
    "٣",
    "0x1",
)


@attack("reports")
def numbers_in_options(room: Room) -> None:
    """Numbers that are none, too large or too small, in every option of `plan`, `correlate`, `report` and `sweep`."""
    scores, results = _study(room)
    plan = {"--gain": "0.1", "--rival": "0.8", "--between": "0.9"}
    out = ["-o", str(room.folder / "page.html"), "--force"]

    def _commands() -> Iterator[tuple[str, list[str]]]:
        for number in NUMBERS:
            for option in (*plan, "--families", "--tasks", "--attempts", "--power", "--rates", "--between-runs",
                           "--seed"):  # fmt: skip
                given = plan | {option: f"{number}:{number}" if option == "--rates" else number}
                yield f"plan {option} {number[:20]}", ["plan", *(f"{name}={one}" for name, one in given.items())]
            for option in ("--gain", "--seed", "--epsilon", "--thresholds"):
                yield f"correlate {option} {number[:20]}", ["correlate", scores, results, f"{option}={number}"]
            for option in ("--show", "--max-size"):
                yield f"report {option} {number[:20]}", ["report", results, f"{option}={number}", *out]
            for option in ("--gpus-per-model", "--until-step", "--until-idle", "--settle", "--timeout", "--shard"):
                yield f"sweep {option} {number[:20]}", ["sweep", "no-such", "-o", "OUT", f"{option}={number}"]

    for _ in hesnr_all(room, _commands(), limits=LIMITS):
        pass
    room.expect(not (room.folder / "OUT").exists(), "a refused sweep has made its folder")
