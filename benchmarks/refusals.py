"""The one line of wrong inputs, its time, and whether weights were read: `python benchmarks/refusals.py [--write]`.

Each wrong input is one command line of the harness. Baseline: a right command with the same model. Time is CPU time,
because it does not depend on what else the machine does. The kernel
(inotify, Linux only) counts how often any process opened the file of the weights. `--write` replaces the table in
docs/harness.md.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from lm_eval_hesnr.assets import EMBEDDED_MODEL

PAGE = Path(__file__).parents[1] / "docs" / "harness.md"
MARK = re.compile(r"(?<=<!-- table of benchmarks/refusals.py -->\n).*?(?=<!-- end -->)", re.DOTALL)
IN_OPEN = 0x20
BASELINE = "--metadata trajectories=mixed"

TASKS, MODEL, MODEL_ARGS = "--tasks swe_hesnr", "--model hf-topk", "--model_args pretrained=MODEL"

WRONG = [
    "--metadata trajectorys=runs",
    "--metadata trajectories=no/such",
    "--metadata trajectories=empty",
    "--metadata trajectories=unknown.json",
    "--metadata trajectories=mixed,strict=true",
    "--metadata trajectories=failed.jsonl",
    "--metadata epsilon=9",
    "--metadata k=ten",
    "--metadata scopes=acton",
    "--metadata threshold=vally",
    "--metadata max_tokens=3",
    "--model_args pretrained=MODEL,tokenizer=no/such --metadata render=chat",
    "--metadata render=transcript --apply_chat_template",
    "--metadata token_table=unknown.json",
    "--metadata token_table=/proc/tables",
    "--model_args pretrained=MODEL,score_store=unknown.json",
    "--model_args pretrained=MODEL,stride=0",
    "--model_args pretrained=MODEL,stride=99999999",
    "--model_args pretrained=MODEL,strid=64",
    "--model_args pretrained=MODEL,dtype=float33",
    "--model_args pretrained=MODEL,mem_budget=lots",
    "--model_args pretrained=no/such/model",
    "--device cdua",
    "--batch_size many",
    "--output_path unknown.json/results",
    "--output_path /proc/results",
    "--model hf",
    "--model hf --tasks other,swe_hesnr --include_path tasks",
    "--model hf_topk",
    "--tasks swe_hesn",
    "--tasks swe_hesnr_ablatoin",
    "--predict_only --output_path results",
    "--use_cache cache",
    "--check_integrity",
    "--limit 0",
    "--samples {\"swe_hesnr\":[9999]}",
    "--samples {\"swe_hesn\":[0]}",
]  # fmt: skip
"""Options of wrong commands. Those that are not given are `TASKS`, `MODEL` and `MODEL_ARGS`."""


class Outcome(NamedTuple):
    """What one command did."""

    line: str
    """The last line on stderr."""
    seconds: float
    """CPU time of the whole command, all threads together."""
    exit_status: int
    traceback: bool
    n_opened: int
    """How often the weights were opened."""


def make_inputs(folder: Path) -> None:
    """Write the model and the files that the commands name."""
    shutil.copytree(EMBEDDED_MODEL, folder / "MODEL")
    (folder / "empty").mkdir()
    (folder / "mixed").mkdir()
    (folder / "tasks").mkdir()
    segments = '[{"kind": "task", "text": "Fix it.", "generated": false}, {"kind": "thought", "text": "I look.", '
    run = f'{{"format": "hesnr-trajectory", "version": 1, "id": "a", "source": "b", "segments": {segments}'
    run += '"generated": true}]'
    (folder / "failed.jsonl").write_text(run + ', "resolved": false, "model": null}\n')
    (folder / "mixed" / "good.jsonl").write_text(run + ', "resolved": true, "model": null}\n')
    (folder / "mixed" / "cut.json").write_text('{"messages": [{"role": "sys')
    (folder / "unknown.json").write_text('{"hello": "world"}')
    (folder / "docs.jsonl").write_text('{"question": "1 + 1 =", "answer": "2"}\n')
    (folder / "tasks" / "other.yaml").write_text(
        "task: other\ndataset_path: json\ndataset_kwargs: {data_files: {test: docs.jsonl}}\ntest_split: test\n"
        "output_type: generate_until\ndoc_to_text: question\ndoc_to_target: answer\n"
        "metric_list: [{metric: exact_match}]\n"
    )


def command(options: str) -> list[str]:
    """The arguments of the harness's command line, with the defaults for what `options` does not name."""
    missing = [default for default in (TASKS, MODEL, MODEL_ARGS) if f"{default.split()[0]} " not in f"{options} "]
    return " ".join([options, *missing]).split()


def run(options: str, folder: Path) -> Outcome:
    """Run one command in the folder, and watch the file of the weights."""
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_init1(os.O_NONBLOCK)
    (weights,) = (folder / "MODEL").glob("*.safetensors")
    if watch < 0 or libc.inotify_add_watch(watch, os.fsencode(weights), IN_OPEN) < 0:
        raise OSError(ctypes.get_errno(), "inotify")
    env = os.environ | {"HF_HUB_OFFLINE": "1", "LMEVAL_LOG_LEVEL": "ERROR"}
    arguments = [sys.executable, "-m", "lm_eval_hesnr", *command(options)]
    with tempfile.TemporaryFile("w+") as stderr:
        process = subprocess.Popen(arguments, cwd=folder, env=env, stderr=stderr, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        stderr.seek(0)
        lines = [line.strip() for line in stderr]
    try:
        n_opened = len(os.read(watch, 1 << 16)) // 16  # an event of a watched file has 16 bytes
    except BlockingIOError:
        n_opened = 0
    os.close(watch)
    found = next((line for line in reversed(lines) if line), "").replace(f"{folder}/", "")
    traceback = any("Traceback" in line for line in lines)
    return Outcome(found, used.ru_utime + used.ru_stime, process.returncode, traceback, n_opened)


def row(options: str, outcome: Outcome) -> str:
    """One row of the table."""
    line = outcome.line.replace("|", "\\|")
    return f"| `{options}` | {line} | {outcome.seconds:.1f} s | {outcome.n_opened} |\n"


def in_own_folder(options: str) -> Outcome:
    """Run one command with its own copy of the inputs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        make_inputs(folder)
        return run(options, folder)


def main() -> None:
    """Print the table, and write it if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("options", nargs="*", default=WRONG, help="commands to run instead of all")
    parser.add_argument("--jobs", type=int, default=1, help="commands that run at the same time")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    table = "| options | line on stderr | CPU time | weights opened |\n|---|---|---:|---:|\n"
    print(table, end="")
    faults = []
    with ThreadPoolExecutor(given.jobs) as pool:
        commands = [BASELINE, *given.options]
        for options, outcome in zip(commands, pool.map(in_own_folder, commands), strict=True):
            if options == BASELINE:
                is_right = outcome.exit_status == 0 and outcome.n_opened > 0
                outcome = outcome._replace(line="(the baseline: a right command, to its end)")
            else:
                is_right = outcome.exit_status == 1 and not outcome.n_opened and not outcome.traceback
            faults += [] if is_right else [options]
            table += (new := row(options, outcome))
            print(new, end="", flush=True)
    if given.write:
        PAGE.write_text(MARK.sub(lambda _: table, PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    if faults:
        sys.exit(f"not one line before the weights: {faults}")


if __name__ == "__main__":
    main()
