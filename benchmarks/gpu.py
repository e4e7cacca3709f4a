"""All that needs a GPU: `python benchmarks/gpu.py [PART...] [--out out/gpu.json] [--tiny]`.

One command of at most 8 minutes on one H200, without network. Every part runs in a process of its own with a limit on
time, so a part that fails, hangs or runs out of memory does not disturb the others. Each row is saved as soon as it is
measured, with the commit and a digest of the package. The same command continues: it makes the parts that are not
complete, or that were measured with another package. At the end, it prints the rows for benchmarks/README.md. The exit
status is 1 if a part is not complete.

`--tiny` does the same with tiny shapes on the CPU; these figures only show that the script works. A machine without the
packages of the harness needs the wheels of `benchmarks/pack_wheels.py`.

Later, anywhere: `--rows` prints the rows of a file, `--rows --write` writes them into benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # a script finds only its own folder
from benchmarks.attack.journal import digest_of  # noqa: E402
from benchmarks.gpu_plan import FULL, LEAST_SECONDS, SECONDS, TINY, Shapes, planned  # noqa: E402
from benchmarks.processes import run  # noqa: E402
from benchmarks.readme_table import Row, write  # noqa: E402
from benchmarks.repository import commit  # noqa: E402
from lm_eval_hesnr.files import replace_file  # noqa: E402

VERSION = 2
"""Of the file."""
NOT_MEASURED = "not measured"


class Code(NamedTuple):
    """The code that is measured."""

    commit: str
    """As words; empty outside a repository."""
    package: str
    """A digest of the package and its tasks."""

    def __str__(self) -> str:
        return ", ".join(filter(None, [self.commit, f"package {self.package}"]))


def main(argv: list[str] | None = None) -> int:
    """Measure what is not measured yet, and print the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(SECONDS))
    parser.add_argument("--out", type=Path, help="file of what is measured (default: out/gpu.json, out/gpu-tiny.json)")
    parser.add_argument("--tiny", action="store_true", help="tiny shapes on the CPU")
    parser.add_argument("--minutes", type=float, default=8, help="limit on the whole command")
    parser.add_argument("--patience", type=float, default=1, help="factor of every limit, for a slow machine")
    parser.add_argument("--rows", action="store_true", help="measure nothing, print the rows of the file")
    parser.add_argument("--write", action="store_true", help="with --rows: write them into benchmarks/README.md")
    arguments = parser.parse_args(argv)
    if unknown := set(arguments.parts) - set(SECONDS):
        parser.error(f"unknown part {', '.join(sorted(unknown))}; the parts are {', '.join(SECONDS)}")
    if arguments.write and (arguments.tiny or not arguments.rows):
        parser.error("--write needs --rows, and figures of a full run")
    name, shapes = ("gpu-tiny", TINY) if arguments.tiny else ("gpu", FULL)
    out = arguments.out or ROOT / "out" / f"{name}.json"
    state = read_state(out, shapes)
    n_rows = sum(len(found["rows"]) for found in state["parts"].values())
    status = int(not n_rows)
    if not arguments.rows:
        n_rows, status = measure_all(arguments, state, out)
    print(f"\n{state['machine'] or 'no machine known'}\n")
    print("\n".join(table(shapes, state)))
    if status and not n_rows:
        print(f"{out}: nothing was measured", file=sys.stderr)
    if arguments.write:
        write_rows(shapes, state)
    return status


def read_state(out: Path, shapes: Shapes) -> dict[str, Any]:
    """What the file has; what an empty one would have if it does not exist."""
    about = {"version": VERSION, "shapes": json.loads(json.dumps(asdict(shapes)))}
    if not out.exists():
        return about | {"machine": "", "parts": {}}
    state: dict[str, Any] = json.loads(out.read_text())
    if {key: state.get(key) for key in about} != about:
        raise SystemExit(f"{out}: it has figures of other shapes, or of an older version; give another --out")
    return state


def code_of_tree() -> Code:
    """The code of this checkout."""
    head, is_changed = commit()
    words = f"commit {head[:10]}{' with changes' * is_changed}" if head else ""
    return Code(words, digest_of(ROOT / "lm_eval_hesnr", ROOT / "tasks"))


def measure_all(arguments: argparse.Namespace, state: dict[str, Any], out: Path) -> tuple[int, int]:
    """Measure the parts that remain; the number of new rows, and the exit status."""
    end = time.monotonic() + 60 * arguments.minutes * arguments.patience
    code = code_of_tree()
    print(f"the code: {code}", flush=True)
    chosen = arguments.parts or list(SECONDS)
    remaining = [part for part in chosen if not is_complete(state, part, code)]
    print("".join(f"{part}: measured earlier\n" for part in chosen if part not in remaining), end="", flush=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    n_rows = sum(measure(remaining[i:], state, out, end, arguments.patience, code) for i in range(len(remaining)))
    return n_rows, int(not all(is_complete(state, part, code) for part in chosen))


def is_complete(state: dict[str, Any], part: str, code: Code) -> bool:
    """Whether all of a part is measured, with the package as it is now."""
    found = state["parts"].get(part, {})
    return (found.get("state"), found.get("package")) == ("measured", code.package)


def seconds_for(parts: list[str], left: float, patience: float = 1) -> float | None:
    """The limit for the first of the parts that remain, if `left` seconds are left; None if they are too few.

    It gets what is kept for it, and what is not kept for the others.
    """
    own, *others = (SECONDS[part] * patience for part in parts)
    return None if left < LEAST_SECONDS else max(min(own, left), left - sum(others))


def measure(remaining: list[str], state: dict[str, Any], out: Path, end: float, patience: float, code: Code) -> int:
    """Run the first of the parts that remain, and save each of its rows at once; the number of these rows.

    A part prints `ROW` or `MACHINE` and JSON, one per line. Other lines are ignored. Rows of an earlier call stay until
    they are measured again.
    """
    part = remaining[0]
    limit = seconds_for(remaining, end - time.monotonic(), patience)
    if limit is None:
        print(f"{part}: no time is left; the same command continues", flush=True)
        return 0
    began = time.monotonic()
    earlier = state["parts"].get(part, {}).get("rows", {})
    found = state["parts"][part] = {"state": "stopped", "error": "", "package": code.package, "rows": earlier}
    measured = set()

    def save(line: str = "") -> None:
        name, _, rest = line.partition(" ")
        if name == "MACHINE":
            state["machine"] = json.loads(rest)
        elif name == "ROW":
            what, size, figure = json.loads(rest)
            found["rows"][what] = [f"{size}; {code}", figure]
            measured.add(what)
        replace_file(out, json.dumps(state, indent=1))

    log = out.with_suffix(".log")
    with log.open("a") as file:
        file.write(f"--- {part}\n")
    options = ["--until", str(time.time() + limit), *(["--tiny"] if state["shapes"]["device"] == "cpu" else [])]
    status = run([sys.executable, "-m", "benchmarks.gpu_parts", part, *options], limit, log, save)
    found["state"], found["error"] = how_it_ended(status, log, limit)
    found["seconds"] = round(time.monotonic() - began, 1)
    save()
    print(f"{part}: {found['state']} in {found['seconds']:.0f} s {found['error']}".rstrip(), flush=True)
    return len(measured)


def how_it_ended(status: int | None, log: Path, limit: float) -> tuple[str, str]:
    """The state of a part, and its error."""
    if status is None:
        return "out of time", f"after {limit:.0f} s"
    if status:
        lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
        return "failed", f"exit status {status}: {lines[-1][:300]}"
    return "measured", ""


def table(shapes: Shapes, state: dict[str, Any]) -> list[str]:
    """The lines of the table: every planned row, measured or not."""
    head = ["| what | size | measured | target | baseline |", "|---|---|---|---|---|"]
    return head + [f"| {' | '.join(row)} |" for row in rows_of(shapes, state)]


def rows_of(shapes: Shapes, state: dict[str, Any]) -> list[Row]:
    """The rows of the table, in the order of the plan."""
    rows = []
    for part, plan in planned(shapes).items():
        found = state["parts"].get(part, {"state": NOT_MEASURED, "error": "", "rows": {}})
        missing = NOT_MEASURED if found["state"] in (NOT_MEASURED, "measured") else f"{found['state']} {found['error']}"
        for row in plan:
            size, figure = found["rows"].get(row.what, ("", missing.strip()))
            rows.append(Row(row.what, size, figure.replace("|", "/"), row.target, row.baseline))
    return rows


def write_rows(shapes: Shapes, state: dict[str, Any]) -> None:
    """Write the measured rows into benchmarks/README.md."""
    measured = {what for found in state["parts"].values() for what in found["rows"]}
    for row in rows_of(shapes, state):
        if row.what in measured:
            write(row)


if __name__ == "__main__":
    sys.exit(main())
