"""One process against several on this machine: `python benchmarks/data_parallel.py TRAJECTORIES [--processes 1 2 3]`.

Each run is the plain command under `torch.distributed.run`, with one thread per process. For each number of
processes it prints the wall time (also relative to the first number), the evaluation time from the harness's results,
the imbalance (largest number of tokens of a rank / mean), and whether the results file equals the first one, except for
times.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from lm_eval_hesnr.assets import EMBEDDED_MODEL
from lm_eval_hesnr.labelling.render import transcript
from lm_eval_hesnr.ranks import split_by_size
from lm_eval_hesnr.trajectories.load import load_trajectories

TIMES = ("date", "total_evaluation_time_seconds")


def main() -> None:
    """Run the command with each number of processes and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trajectories", type=Path)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--limit", type=int, help="use only the first LIMIT trajectories")
    arguments = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(EMBEDDED_MODEL)
    runs = load_trajectories(arguments.trajectories).trajectories[: arguments.limit]
    characters = [sum(len(segment.text) for segment in run.segments) for run in runs]
    tokens = [len(tokenizer(transcript(run).text, verbose=False)["input_ids"]) for run in runs]
    print(f"{len(runs)} trajectories, {sum(tokens)} tokens, longest {max(tokens)}")
    first: tuple[float, dict[str, Any]] | None = None
    for n in arguments.processes:
        loads = [sum(tokens[i] for i in indices) for indices in split_by_size(characters, n)]
        seconds, results = run_with(n, arguments.trajectories, arguments.limit)
        first = first or (seconds, results)
        print(
            f"{n} processes: {seconds:.0f} s wall, {seconds / first[0]:.2f} of {arguments.processes[0]} process, "
            f"evaluation {float(results['total_evaluation_time_seconds']):.0f} s, "
            f"imbalance {max(loads) * n / sum(loads):.3f}, results {'equal' if same(results, first[1]) else 'DIFFER'}",
            flush=True,
        )


def run_with(n_processes: int, trajectories: Path, limit: int | None) -> tuple[float, dict[str, Any]]:
    """Wall time in seconds, and the results, of one run."""
    metadata = json.dumps({"trajectories": str(trajectories.resolve()), "only_resolved": False})
    with tempfile.TemporaryDirectory() as folder:
        command = ["-m", "lm_eval", "--tasks", "swe_hesnr", "--model", "hf-topk", "--metadata", metadata]
        command += ["--output_path", folder] + (["--limit", str(limit)] if limit else [])
        launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={n_processes}"]
        begin = time.perf_counter()
        subprocess.run(
            [sys.executable, *launcher, *command],
            check=True, env=os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        seconds = time.perf_counter() - begin
        (path,) = Path(folder).rglob("results*.json")
        return seconds, json.loads(path.read_text())


def same(own: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two results are equal except for times."""
    return own | dict.fromkeys(TIMES) == other | dict.fromkeys(TIMES)


if __name__ == "__main__":
    main()
