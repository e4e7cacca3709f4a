"""All that needs a GPU: `python benchmarks/gpu.py [PART...] [--out out/gpu.json] [--tiny]`.

One command of at most 8 minutes on one H200, without network. Every part runs in a process of its own with a limit on
time, so a part that fails, hangs or runs out of memory does not disturb the others. After every part, the file has what
is measured, and the same command continues: it makes only the parts that are not measured yet. At the end, it prints
the rows for benchmarks/README.md. The exit status is 1 if a part failed.

`--tiny` does the same with tiny shapes on the CPU; these figures only show that the script works. A machine without the
packages of the harness needs the wheels of `benchmarks/pack_wheels.py`.

Later, anywhere: `--rows` prints the rows of a file, `--rows --write` writes them into benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
LEAST_SECONDS = 15
"""A part with less time than this is not started: loading the packages takes about as long."""
NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Shapes:
    """What is measured, and on what."""

    device: str
    vocabularies: tuple[int, ...]
    """For `floor`."""
    length: int
    """Tokens, for `floor`."""
    large: dict[str, int]
    """The configuration of the large model, as of `Qwen2Config`."""
    large_name: str
    large_lengths: tuple[int, ...]
    """Tokens, for `large`."""
    sample: str
    """An embedded run."""
    copied: int
    """Bytes of the copy that measures the bandwidth."""
    product: int
    """Rows and columns of the matrices that measure the speed of products."""
    repeats: int


FULL = Shapes(
    "cuda", (32_768, 151_936), 8192,
    {
        "vocab_size": 152_064, "hidden_size": 3584, "intermediate_size": 18_944, "num_hidden_layers": 28,
        "num_attention_heads": 28, "num_key_value_heads": 4,
    },
    "7B shape", (32_768, 131_072), "swe-mini/gridfit", 2**32, 8192, 5,
)  # fmt: skip
"""The large model has the shape of Qwen2.5-7B."""
TINY = Shapes(
    "cpu", (512,), 640,
    {
        "vocab_size": 512, "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2,
    },
    "tiny shape", (640, 1280), "swe-mini/utfwalk", 2**20, 128, 1,
)  # fmt: skip

SECONDS = {"machine": 45, "floor": 50, "large": 180, "stock": 45, "head": 35, "attention": 25, "processes": 95}
"""The parts, in their order, and the seconds that are kept for each. Together they are less than 8 minutes."""


class Planned(NamedTuple):
    """A row of the table before it is measured."""

    what: str
    target: str
    baseline: str


def planned(shapes: Shapes) -> dict[str, list[Planned]]:
    """The rows of every part."""
    on, large = f"on {shapes.device}", f"{shapes.large_name} with random weights, bfloat16, on {shapes.device}"
    floor = [
        Planned(
            f"time over the floor {on}, 4 layers, V = {vocabulary}{rows}", "<= 1.05" if rows else "<= 1.03", "floor"
        )
        for vocabulary in shapes.vocabularies
        for rows in ("", ", every row")
    ]
    of_large = [
        row
        for length in shapes.large_lengths
        for rows in ("", ", every row")
        for row in (
            Planned(
                f"{large}, {length} tokens{rows}: time over the body", "<= 1.05" if rows else "<= 1.03", "body alone"
            ),
            Planned(f"{large}, {length} tokens{rows}: peak over the body", "<= 1.5 GiB", "body alone"),
        )
    ]
    own = "the model's own head"
    return {
        "machine": [
            Planned(f"copy {on}", "", ""),
            Planned(f"bfloat16 matrix product {on}", "", ""),
        ],
        "floor": floor,
        "large": of_large,
        "stock": [
            Planned(f"speed-up over stock `hf` {on}, embedded run", "> 1", "stock, one request per action"),
            Planned(f"against the definitions {on}: logprob, entropy", "<= 1e-5, <= 1e-5, 0", "definitions"),
            Planned(f"float32 {on} against float32 on a CPU: logprob, entropy", "", "CPU"),
        ],
        "head": [
            Planned(f"bfloat16 {on}, float32 head against {own}: entropies", "", own),
            Planned(f"bfloat16 {on}, float32 head against {own}: decisions", "", own),
            Planned(f"bfloat16 {on} against float32 {on}: entropies", "", "float32 weights"),
        ],
        "attention": [Planned(f"last attention {on}, float32 and bfloat16", "all rows", "")],
        "processes": [Planned(f"two processes {on}, one device", "refused or right", "one process")],
    }


class Measured(NamedTuple):
    """What a part found for one of its rows."""

    what: str
    size: str
    figure: str


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
    if not arguments.rows:
        end = time.monotonic() + 60 * arguments.minutes * arguments.patience
        chosen = arguments.parts or list(SECONDS)
        remaining = [part for part in chosen if state["parts"].get(part, {}).get("state") != "measured"]
        print("".join(f"{part}: measured earlier\n" for part in chosen if part not in remaining), end="", flush=True)
        for i in range(len(remaining)):
            measure(remaining[i:], state, out, end, arguments.patience)
    print(f"\n{state['machine'] or 'no machine known'}\n")
    print("\n".join(table(shapes, state)))
    if arguments.write:
        write(shapes, state)
    return int(any(found["state"] != "measured" for found in state["parts"].values()))


def read_state(out: Path, shapes: Shapes) -> dict[str, Any]:
    """What the file has; what an empty one would have if it does not exist."""
    empty = {"shapes": json.loads(json.dumps(asdict(shapes))), "machine": "", "parts": {}}
    if not out.exists():
        return empty
    state: dict[str, Any] = json.loads(out.read_text())
    if state["shapes"] != empty["shapes"]:
        raise SystemExit(f"{out}: it has figures of other shapes; give another --out")
    return state


def save(state: dict[str, Any], out: Path) -> None:
    """Replace the file."""
    from lm_eval_hesnr.files import replace_file  # not at the top: a script finds the package only from here on

    out.parent.mkdir(parents=True, exist_ok=True)
    replace_file(out, json.dumps(state, indent=1))


def seconds_for(parts: list[str], left: float, patience: float = 1) -> float | None:
    """The limit for the first of the parts that remain, if `left` seconds are left; None if they are too few.

    It gets what is kept for it, and what is not kept for the others.
    """
    own, *others = (SECONDS[part] * patience for part in parts)
    return None if left < LEAST_SECONDS else max(min(own, left), left - sum(others))


def measure(remaining: list[str], state: dict[str, Any], out: Path, end: float, patience: float) -> None:
    """Run the first of the parts that remain, and save what it found."""
    part = remaining[0]
    earlier = state["parts"].get(part)
    limit = seconds_for(remaining, end - time.monotonic(), patience)
    if limit is None:
        print(f"{part}: no time is left; the same command continues", flush=True)
        return
    began = time.monotonic()
    options = ["--seconds", str(limit), *(["--tiny"] if state["shapes"]["device"] == "cpu" else [])]
    returncode, printed, log = run([sys.executable, "-m", "benchmarks.gpu_parts", part, *options], limit)
    found = result(returncode, printed, log, limit)
    found["seconds"] = round(time.monotonic() - began, 1)
    found["rows"] = merged(earlier["rows"] if earlier else [], found["rows"])
    state["machine"] = found.pop("machine") or state["machine"]
    state["parts"][part] = found
    save(state, out)
    with out.with_suffix(".log").open("a") as file:
        file.write(f"--- {part}\n{log}\n")
    print(f"{part}: {found['state']} in {found['seconds']:.0f} s {found['error']}".rstrip(), flush=True)


def run(command: list[str], limit: float) -> tuple[int | None, str, str]:
    """The exit status (None after the limit), and what a command printed until then. Its process group is killed."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, start_new_session=True, text=True, errors="replace",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    is_late = False
    try:
        printed, log = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        is_late = True
        os.killpg(process.pid, signal.SIGKILL)
        printed, log = process.communicate()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    return None if is_late else process.returncode, printed, log


def merged(earlier: list[Any], rows: list[Measured]) -> list[Any]:
    """The new rows, and the earlier ones that were not measured again."""
    new = {row.what for row in rows}
    return [row for row in earlier if row[0] not in new] + rows


def result(returncode: int | None, printed: str, log: str, limit: float) -> dict[str, Any]:
    """What a part found: its rows until it ended, and how it ended.

    A part prints `ROW` or `MACHINE` and JSON, one per line. Other lines are ignored.
    """
    rows, machine = [], ""
    for line in printed.splitlines():
        name, _, rest = line.partition(" ")
        if name == "ROW":
            rows.append(Measured(*json.loads(rest)))
        elif name == "MACHINE":
            machine = json.loads(rest)
    last = next((line.strip() for line in reversed(log.splitlines()) if line.strip()), "no message")
    if returncode is None:
        state, error = "out of time", f"after {limit:.0f} s"
    elif returncode:
        state, error = "failed", f"exit status {returncode}: {last[:300]}"
    else:
        state, error = "measured", ""
    return {"state": state, "error": error, "rows": rows, "machine": machine}


def table(shapes: Shapes, state: dict[str, Any]) -> list[str]:
    """The lines of the table: every planned row, measured or not."""
    head = ["| what | size | measured | target | baseline |", "|---|---|---|---|---|"]
    return head + [f"| {' | '.join(cells)} |" for cells in rows_of(shapes, state)]


def rows_of(shapes: Shapes, state: dict[str, Any]) -> list[tuple[str, str, str, str, str]]:
    """The cells of the table, in the order of the plan."""
    cells = []
    for part, plan in planned(shapes).items():
        found = state["parts"].get(part, {"state": NOT_MEASURED, "error": "", "rows": []})
        measured = {what: (size, figure) for what, size, figure in found["rows"]}
        missing = NOT_MEASURED if found["state"] in (NOT_MEASURED, "measured") else f"{found['state']} {found['error']}"
        for row in plan:
            size, figure = measured.get(row.what, ("", missing.replace("|", "/").strip()))
            cells.append((row.what, size, figure, row.target, row.baseline))
    return cells


def write(shapes: Shapes, state: dict[str, Any]) -> None:
    """Write the measured rows into benchmarks/README.md."""
    from benchmarks.scoring import Row
    from benchmarks.scoring import write as write_row

    measured = {what for found in state["parts"].values() for what, _, _ in found["rows"]}
    for cells in rows_of(shapes, state):
        if cells[0] in measured:
            write_row(Row(*cells))


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
