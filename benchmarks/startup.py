"""Start-up times of the commands and of the start-up hook: `python benchmarks/startup.py [commands | hook]`.

Commands: for `hesnr --help` and `hesnr COMMAND --help`, the median CPU time of five new interpreters, and the packages
that they import. The commands take turns. Baseline: an interpreter that does nothing.

Hook: the time that it adds to an interpreter that never imports lm_eval. Baseline: an environment without the package.
The interpreters of two fresh environments, one with the hook, start in pairs, in alternating order. The result is the
median of the paired differences of wall time.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
PAIRS = 50
RUNS = 5
IMPORTED = """
import json, sys
from lm_eval_hesnr.cli import main
main(sys.argv[1:])
files = {name.partition(".")[0]: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}
print()
print(json.dumps(sorted(name for name, file in files.items() if "-packages" in file and name[0] != "_")))
"""


def main() -> None:
    """Measure what the command line says."""
    for name, measure in {"commands": measure_commands, "hook": measure_hook}.items():
        if name in (sys.argv[1:] or [name]):
            measure()


def measure_commands() -> None:
    """Print a table: command, CPU seconds, imported packages."""
    from lm_eval_hesnr.cli import COMMANDS

    nothing = ["-c", "pass"]
    starts = {"(interpreter)": nothing, "hesnr --help": ["-m", "lm_eval_hesnr.cli", "--help"]}
    starts |= {f"hesnr {name} --help": ["-m", "lm_eval_hesnr.cli", name, "--help"] for name in COMMANDS}
    times: dict[str, list[float]] = {name: [] for name in starts}
    for turn in range(RUNS + 1):  # the first turn fills the caches of the disk
        for name, arguments in starts.items():
            seconds = cpu_seconds(arguments)
            times[name] += [seconds] if turn else []
    print("| command | CPU s | imported packages |")
    print("|---|---:|---|")
    for name, arguments in starts.items():
        imported = packages(arguments[2:]) if arguments is not nothing else []
        print(f"| `{name}` | {statistics.median(times[name]):.2f} | {', '.join(imported)} |")


def cpu_seconds(arguments: list[str]) -> float:
    """CPU time of a new interpreter with these arguments, in its own code and in the kernel."""
    process = subprocess.Popen([sys.executable, *arguments], cwd=REPOSITORY, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{arguments}: exit status {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def packages(arguments: list[str]) -> list[str]:
    """The names of the packages outside the standard library that `hesnr ARGUMENTS` imports."""
    command = [sys.executable, "-c", IMPORTED, *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True)
    return [name for name in json.loads(done.stdout.splitlines()[-1]) if name != "lm_eval_hesnr"]


def measure_hook() -> None:
    """Print the medians of the hook."""
    with tempfile.TemporaryDirectory() as folder:
        bare, hooked = make_environment(Path(folder) / "bare"), make_environment(Path(folder) / "hooked")
        install = [sys.executable, "-m", "pip", "--python", str(hooked), "install", "-q", "--no-deps", str(REPOSITORY)]
        subprocess.run(install, check=True)
        for interpreter in (bare, hooked) * 3:
            start(interpreter)
        differences, baseline = [], []
        for i in range(PAIRS):
            order = (bare, hooked) if i % 2 else (hooked, bare)
            seconds = {interpreter: start(interpreter) for interpreter in order}
            baseline.append(seconds[bare])
            differences.append(seconds[hooked] - seconds[bare])
    low, _, high = statistics.quantiles(differences, n=4)
    print(f"bare interpreter  median {1e3 * statistics.median(baseline):6.2f} ms")
    print(f"added by the hook median {1e3 * statistics.median(differences):6.2f} ms of {PAIRS} paired runs", end=" ")
    print(f"(quartiles {1e3 * low:.2f} and {1e3 * high:.2f} ms)")


def make_environment(folder: Path) -> Path:
    """Create an environment and return its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder / "bin" / "python"


def start(interpreter: Path) -> float:
    """Wall time in seconds of an interpreter that does nothing."""
    begin = time.perf_counter()
    subprocess.run([str(interpreter), "-c", "pass"], check=True)
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
