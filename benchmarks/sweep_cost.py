"""What `hesnr sweep` costs: `python benchmarks/sweep_cost.py --members FOLDER... --out DIR [--max-trajectories 2]`.

a. Wall and CPU time of one sweep over the members, divided by those of separate runs of the same checkpoints with the
   same options. Half of these runs are before the sweep, and half after it, because the speed of a machine changes.
b. Wall and CPU time of a second call, in which everything is done: the median of three.
c. A sweep that is killed twice with SIGKILL at random moments and started again each time: whether its tables are those
   of the undisturbed one. The first kill leaves the process of the checkpoint alive, the second one ends it too.

Every figure is written to DIR/figures.json at once. The same command continues after a stop.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

ENVIRONMENT = os.environ | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
TABLES = ("table.csv", "table.md")
Times = dict[str, float]
"""Seconds: `wall` and `cpu`."""


class Figures:
    """The figures that are known, in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}

    def get(self, name: str, measured: Callable[[], Any]) -> Any:
        """The figure of this name, measured if it is not known."""
        if name not in self._known:
            self._known[name] = measured()
            self._path.write_text(json.dumps(self._known, indent=2))
            print(f"{name}: {self._known[name]}", file=sys.stderr)
        return self._known[name]


class Benchmark:
    """The sweep and the single runs over the same members."""

    def __init__(self, out: Path, members: Sequence[Path], trajectories: Sequence[str], most: int) -> None:
        self.out, self.members = out, members
        self._trajectories, self._most = trajectories, most

    def sweep_command(self, name: str) -> list[str]:
        """The command of a sweep into a folder of this name."""
        given = ["--trajectories", *self._trajectories] if self._trajectories else []
        options = ["--metadata", json.dumps({"max_trajectories": self._most}), "--model_args", "dtype=float32"]
        command = [sys.executable, "-m", "lm_eval_hesnr.cli", "sweep", *map(str, self.members)]
        return [*command, "-o", str(self.out / name), *options, *given, "--settle", "0"]

    def sweep(self, name: str) -> Times:
        """The times of a whole sweep into a new folder."""
        shutil.rmtree(self.out / name, ignore_errors=True)
        return timed(self.sweep_command(name), self.out / f"{name}.log")

    def single(self, member: Path) -> Times:
        """The times of a run of one member, with token tables and a score store as in a sweep."""
        folder = self.out / "single" / member.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        metadata = {"token_table": str(folder / "tokens"), "max_trajectories": self._most}
        if self._trajectories:
            metadata["trajectories"] = list(self._trajectories)
        store = {"score_store": str(folder / "store")}
        config = {
            "model": "hf-topk", "model_args": {"pretrained": str(member), "dtype": "float32"} | store,
            "tasks": ["swe_hesnr"], "metadata": metadata, "output_path": str(folder / "results"),
        }  # fmt: skip
        (folder / "run.yaml").write_text(json.dumps(config))  # JSON is YAML
        command = [sys.executable, "-m", "lm_eval_hesnr", "run", "--config", str(folder / "run.yaml")]
        return timed(command, folder / "log.txt")

    def killed(self, name: str, moments: Sequence[tuple[int, float]]) -> list[str]:
        """Kill a sweep at each of these moments, then let it end; what was killed.

        Args:
            name: the folder of the sweep.
            moments: how many checkpoints are done, and seconds after that.
        """
        shutil.rmtree(self.out / name, ignore_errors=True)
        found = []
        for number, (n_done, seconds) in enumerate(moments):
            with (self.out / f"{name}_{number}.log").open("w") as log:
                process = subprocess.Popen(self.sweep_command(name), stdout=log, stderr=log, env=ENVIRONMENT)
            while process.poll() is None and len(self._names(name, "done")) < n_done:
                time.sleep(0.1)
            time.sleep(seconds)
            if process.poll() is not None:
                raise SystemExit(f"the sweep ended before it was killed; see {self.out / f'{name}_{number}.log'}")
            process.kill()
            process.wait()
            for state in self._states(name) if number % 2 else []:
                if state["status"] == "running":
                    os.killpg(state["pid"], signal.SIGKILL)
            done, running = (self._names(name, status) for status in ("done", "running"))
            found.append(f"with {len(done)} of {len(self.members)} done, in {', '.join(running) or 'no checkpoint'}")
        timed(self.sweep_command(name), self.out / f"{name}.log")
        return found

    def _names(self, name: str, status: str) -> list[str]:
        return [state["name"] for state in self._states(name) if state["status"] == status]

    def _states(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(path.read_text()) for path in sorted((self.out / name).glob("*/state.json"))]

    def is_equal(self, a: str, b: str) -> bool:
        """Whether two sweeps have the same tables."""
        return all((self.out / a / one).read_bytes() == (self.out / b / one).read_bytes() for one in TABLES)


def timed(command: Sequence[str], log: Path) -> Times:
    """The wall time of a command, and the CPU time of it and of all its processes."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with log.open("w") as file:
        # a session of its own, as a sweep gives its runs: the scheduler shares the cores between sessions
        done = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, env=ENVIRONMENT, start_new_session=True)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - begin
    if done.returncode:
        raise SystemExit(f"exit {done.returncode}: {' '.join(command)}; see {log}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": round(wall, 2), "cpu": round(cpu, 2)}


def main() -> None:
    """Measure what is not known yet, and print all figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", nargs="+", type=Path, required=True, metavar="FOLDER", help="checkpoints")
    parser.add_argument("--trajectories", nargs="+", default=[], metavar="PATH", help="default: the embedded runs")
    parser.add_argument("--max-trajectories", type=int, default=2, help="the first N of them (default: 2)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder, or that of this command")
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    benchmark = Benchmark(arguments.out, arguments.members, arguments.trajectories, arguments.max_trajectories)
    figures = Figures(arguments.out / "figures.json")
    report_cost(benchmark, figures)
    rng, n = random.Random(arguments.seed), len(arguments.members)
    seconds = min(figures.get(f"single {one.name}", dict)["cpu"] for one in arguments.members)  # each needs longer
    moments = [(n_done, rng.uniform(0, 0.9 * seconds)) for n_done in sorted(rng.sample(range(n), 2))]
    kills = figures.get("kills", lambda: benchmark.killed("killed", moments))
    is_equal = benchmark.is_equal("sweep", "killed")
    print(f"(c) killed {' and '.join(kills)}: the tables are {'the same' if is_equal else 'NOT THE SAME'}")


def report_cost(benchmark: Benchmark, figures: Figures) -> None:
    """Print the figures (a) and (b)."""
    members = benchmark.members
    half = len(members) // 2
    singles = [figures.get(f"single {one.name}", partial(benchmark.single, one)) for one in members[:half]]
    sweep = figures.get("sweep", lambda: benchmark.sweep("sweep"))
    singles += [figures.get(f"single {one.name}", partial(benchmark.single, one)) for one in members[half:]]
    command, log = benchmark.sweep_command("sweep"), benchmark.out / "again.log"
    again = [figures.get(f"again {i}", lambda: timed(command, log)) for i in range(3)]
    for kind in ("wall", "cpu"):
        total, second = sum(one[kind] for one in singles), statistics.median(one[kind] for one in again)
        print(
            f"(a) {kind} time of {len(members)} checkpoints: sweep {sweep[kind]:.1f} s, single runs {total:.1f} s, "
            f"ratio {sweep[kind] / total:.3f}\n(b) {kind} time of the second call: {second:.2f} s"
        )


if __name__ == "__main__":
    main()
