"""The score store with the embedded model: `python benchmarks/store.py [--kills 10] [--repeats 5] [--seed 0]`.

1. Reading the embedded runs from a store. The baseline is scoring them; both alternate in the same process. It prints
   medians of the whole call, and of the part that the store replaces (tokenizing is the same in both).
2. A run of the command line that is killed with SIGKILL at random times and started again each time, until it ends. The
   baseline is an undisturbed run. It prints whether the two results files are equal, except for times.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ASSETS = Path(__file__).parent.parent / "lm_eval_hesnr" / "assets"
TIMES = ("date", "start_time", "end_time", "total_evaluation_time_seconds")
SCORING, SCORED = "Scoring trajectories", "trajectories read"
"""Words in the log when scoring begins and when it ends."""
PATIENCE_SECONDS = 300
ENVIRONMENT = os.environ | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}


def main() -> None:
    """Run both parts and print their results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    with tempfile.TemporaryDirectory() as folder:
        compare_reading(Path(folder) / "store", arguments.repeats)
        outcome = kill_and_resume(
            Path(folder) / "kills", ASSETS / "swe_mini" / "trajectories.jsonl", arguments.kills, arguments.seed
        )
    print(f"results equal to those of the undisturbed run, except for times: {'yes' if outcome else 'NO'}")


def compare_reading(store: Path, repeats: int) -> None:
    """Print how long scoring and reading take."""
    os.environ.update(ENVIRONMENT)
    from lm_eval_hesnr.models.hf import HFTopK
    from lm_eval_hesnr.task import SweHesnr

    task = SweHesnr({"task": "swe_hesnr"})
    task.build_all_requests(rank=0, world_size=1)
    lm = HFTopK(pretrained=str(ASSETS / "tiny_swe_lm"), dtype="float32", device="cpu")
    inner: list[float] = []
    timed(lm, "_stored", inner)
    timed(lm, "_statistics", inner)

    def call(folder: Path | None) -> tuple[float, float]:
        """Seconds of the whole call, and of scoring or reading alone."""
        inner.clear()
        lm.score_store = None if folder is None else str(folder)
        begin = time.perf_counter()
        answers = lm.loglikelihood(task.instances, disable_tqdm=True)
        seconds = time.perf_counter() - begin
        sums.add(sum(float(logprob) for logprob, _ in answers))
        return seconds, sum(inner)

    sums: set[float] = set()
    call(store)  # fills it
    runs = [(call(None), call(store)) for _ in range(repeats)]
    assert len(sums) == 1, f"the store gives other numbers: {sums}"
    size = sum(path.stat().st_size for path in store.rglob("*.parquet"))
    n_tokens = sum(len(lm.tokenizer("".join(instance.args))["input_ids"]) for instance in task.instances)
    print(f"{len(task.instances)} trajectories, {n_tokens} tokens, {size / n_tokens:.1f} bytes for each token stored")
    for what, which in (("scoring alone", 1), ("whole call", 0)):
        scoring, reading = (statistics.median(run[i][which] for run in runs) for i in (0, 1))
        print(
            f"{what:14}  scored {scoring:8.3f} s  read {reading:8.4f} s  ratio {scoring / reading:7.1f}x"
            f"  (median of {repeats})"
        )


def timed(thing: Any, name: str, seconds: list[float]) -> None:
    """Wrap a method of this object, so that it appends its duration to `seconds`."""
    method = getattr(thing, name)

    def with_time(*args: Any, **kwargs: Any) -> Any:
        begin = time.perf_counter()
        answer = method(*args, **kwargs)
        seconds.append(time.perf_counter() - begin)
        return answer

    setattr(thing, name, with_time)


def kill_and_resume(folder: Path, trajectories: Path, kills: int, seed: int) -> bool:
    """Whether a run that was killed `kills` times has the results file of an undisturbed run. Prints every kill.

    A run that ends before it is killed does not count. Four of five kills happen after scoring began, at a time drawn
    from 0 to 2 * (undisturbed scoring time) / kills. Every fifth happens at any time of a run, even during imports.
    """
    draw = random.Random(seed)
    undisturbed, killed = folder / "undisturbed", folder / "killed"
    begin = time.perf_counter()
    process = start(undisturbed, trajectories)
    wait_for(SCORING, process, undisturbed)
    scoring_began = time.perf_counter()
    wait_for(SCORED, process, undisturbed)
    scoring = time.perf_counter() - scoring_began
    assert process.wait(PATIENCE_SECONDS) == 0, (undisturbed / "log").read_text()
    whole = time.perf_counter() - begin
    total = entries(undisturbed)
    print(f"undisturbed: {whole:.1f} s, of which {scoring:.1f} s scoring, {total} trajectories")
    done = 0
    while done < kills:
        process = start(killed, trajectories)
        anywhere = done % 5 == 4
        if not anywhere:
            wait_for(SCORING, process, killed)
        moment = draw.uniform(0, whole if anywhere else 2 * scoring / kills)
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
        status = process.wait()
        since = "its start" if anywhere else "scoring began"
        moment_and_entries = f"{moment:6.2f} s after {since}, {entries(killed)} of {total} trajectories stored"
        if status == -signal.SIGKILL:
            done += 1
            print(f"kill {done:2}: {moment_and_entries}")
        else:
            print(f"no kill: the run had ended with status {status} {moment_and_entries}")
    process = start(killed, trajectories)
    assert process.wait(PATIENCE_SECONDS) == 0, (killed / "log").read_text()
    lines = (killed / "log").read_text().splitlines()
    print("last run:", next(line.partition("] ")[2] for line in lines if SCORED in line))
    return results(undisturbed) == results(killed)


def start(folder: Path, trajectories: Path) -> subprocess.Popen[bytes]:
    """Start the harness's command line. Store, results and log are written into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable, "-m", "lm_eval_hesnr", "--tasks", "swe_hesnr", "--model", "hf-topk", "--device", "cpu",
        "--model_args", f"pretrained={ASSETS / 'tiny_swe_lm'},dtype=float32,score_store=store",
        "--metadata", json.dumps({"trajectories": str(trajectories)}), "--output_path", "results",
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            command,
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=ENVIRONMENT,
            # a background job ignores SIGINT, and its children inherit that
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )


def wait_for(sign: str, process: subprocess.Popen[bytes], folder: Path) -> None:
    """Wait until the log contains the sign or the process has ended."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while process.poll() is None and sign not in (folder / "log").read_text(errors="replace"):
        assert time.monotonic() < give_up, (folder / "log").read_text()
        time.sleep(0.01)


def entries(folder: Path) -> int:
    """Number of trajectories that are stored so far."""
    return len(list(folder.glob("store/*/*.parquet")))


def results(folder: Path) -> dict[str, Any]:
    """The content of the last results file, without times."""
    path = max(folder.glob("results/**/results_*.json"))
    return {key: value for key, value in json.loads(path.read_text()).items() if key not in TIMES}


if __name__ == "__main__":
    main()
