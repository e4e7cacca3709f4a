"""Time that the start-up hook adds to an interpreter that never imports lm_eval: `python benchmarks/startup.py`.

Baseline: an environment without the package. The interpreters of two fresh environments, one with the hook, start in
pairs, in alternating order. The result is the median of the paired differences of wall time.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
PAIRS = 50


def main() -> None:
    """Print the medians."""
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
