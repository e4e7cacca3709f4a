"""Attacks with SIGKILL at random times: `curate`, writers of the score store, and whole runs."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.attack import inputs
from benchmarks.attack.limits import kill_group
from benchmarks.attack.table import MODEL, Room, attack

KILLS = 20
"""Of the run with a score store."""
LATE_KILLS = 5
"""Of them, those of a run that finds all its scores in the store."""
N_RUNS = 150
"""That are scored."""
TIMES = ("date", "start_time", "end_time", "total_evaluation_time_seconds")
"""Keys of a results file that differ between equal runs."""


def killed_after(
    room: Room, command: Sequence[str], seconds: float, how: signal.Signals = signal.SIGKILL
) -> int | None:
    """Start the command, and end it after this time. Its exit status, or None if it was killed."""
    process = _started(room, command)
    try:
        return process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, how)
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            room.fault(f"no end 60 s after {how.name}")
        kill_group(process.pid)
        process.wait()
        return None


def _started(room: Room, command: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command, cwd=room.folder, env=room.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip


def _curate_until_done(room: Room, out: str, options: list[str], kills: int, source: Path) -> None:
    """Kill `curate` again and again, then let it end. OUT has the bytes of an undisturbed call."""
    chance = random.Random(f"{room.seed} {out}")
    right = room.folder / f"right-{out}"
    begin = time.monotonic()
    room.hesnr("curate", source, "-o", right, *options, seconds=300)
    whole = time.monotonic() - begin
    command = [room.python, "-m", "lm_eval_hesnr.cli", "curate", str(source), "-o", out, *options]
    killed = 0
    for _ in range(3 * kills):
        if killed == kills:
            break
        how = chance.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT))
        status = killed_after(room, command, chance.uniform(0.1, 1) * whole, how)
        killed += status is None
        room.expect(status in (None, 0), f"{out}: exit status {status} after a kill")
        (room.folder / out).unlink(missing_ok=True)  # it was complete before the signal came
    room.hesnr("curate", source, "-o", out, *options, "--force", seconds=300)
    path = room.folder / out
    room.expect(path.exists() and path.read_bytes() == right.read_bytes(), f"{out}: other bytes than undisturbed")
    left = [one.name for one in room.folder.glob(f"{out}.*")]
    room.expect(not left, f"{out}: files are left: {left}")
    room.expect(killed == kills, f"{out}: {killed} kills, not {kills}: the command ends too early")


@attack("kills", small=True)
def curate_killed_and_continued(room: Room) -> None:
    """OUT is byte-identical: plain, compressed, with more processes, with --dedupe."""
    n = 3000 if room.small else 30_000
    source = inputs.write_rows(room.folder / "in.jsonl", [inputs.row(f"run {i % (n - 9)}") for i in range(n)])
    forms = [("a.jsonl", ["--dedupe"])] if room.small else [
        ("a.jsonl", []), ("b.jsonl.zst", []), ("c.jsonl", ["-j", "2"]), ("d.jsonl", ["--dedupe", "--known-resolved"]),
    ]  # fmt: skip
    for out, options in forms:
        _curate_until_done(room, out, options, 2 if room.small else 10, source)


_WRITER = """
import sys
import numpy as np
from lm_eval_hesnr.scoring.store import ScoreStore
from tests.builders import token_scores
store = ScoreStore(sys.argv[1], {"model": "m", "k": 10}, weights="w", tokenizer="t")
print("ready", flush=True)
while True:
    for seed in range(40):
        store.write(f"run {seed}", token_scores(3000, seed=seed))
"""
_READER = """
import sys
import numpy as np
from lm_eval_hesnr.scoring.store import ScoreStore
from tests.builders import token_scores
store = ScoreStore(sys.argv[1], {"model": "m", "k": 10}, weights="w", tokenizer="t")
found = wrong = 0
for seed in range(40):
    expected = token_scores(3000, seed=seed)
    read = store.read(expected.token_ids, np.flatnonzero(expected.scored), 10)
    found += read is not None
    if read is not None:
        for name in ("logprob", "entropy", "rank", "top_mass"):
            wrong += not np.array_equal(getattr(read, name), getattr(expected, name), equal_nan=name != "rank")
print(found, wrong)
"""


@attack("kills")
def writers_of_the_score_store(room: Room) -> None:
    """Three writers of one folder are killed 60 times: every entry that is read has the right numbers."""
    chance = random.Random(room.seed)
    for turn in range(20):
        writers = [
            subprocess.Popen([room.python, "-c", _WRITER, "store"], cwd=room.folder, env=room.environment(),
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
            for _ in range(3)
        ]  # fmt: skip
        for writer in writers:
            room.expect(writer.stdout is not None and writer.stdout.readline() == b"ready\n", "a writer did not start")
        time.sleep(chance.uniform(0.2, 4))
        for writer in writers:
            room.expect(writer.poll() is None, "a writer ended before it was killed")
            kill_group(writer.pid)
            writer.wait()
        if turn % 5 == 4:
            done = room.run([room.python, "-c", _READER, "store"])
            found, wrong = (int(word) for word in done.stdout.split() or (0, 1))
            room.expect(wrong == 0, f"{wrong} of {found} entries have wrong numbers")
            room.expect("damaged" not in done.output, "an entry is damaged")
            room.expect(turn < 15 or found == 40, f"only {found} of 40 entries were written")
    room.notes.append("60 kills")


@attack("kills", seconds=3600)
def whole_runs_killed_and_continued(room: Room) -> None:
    """A run with a score store, token tables and samples is killed 20 times; its results equal the undisturbed ones."""
    text = "Let me look at the file first. Then I run the tests again.\n"
    rows = [
        inputs.row(f"run {i}", segments=[*inputs.row()["segments"], {"kind": "thought", "text": f"{i} {text * (9 + i)}",
                                                                     "generated": True}])
        for i in range(N_RUNS)
    ]  # fmt: skip
    inputs.write_rows(room.folder / "in.jsonl", rows)
    metadata = {"trajectories": str(room.folder / "in.jsonl")}
    plain = f"pretrained={MODEL},dtype=float32"
    room.lm_eval({**metadata, "token_table": "right_tables"}, "--output_path", "right", model_args=plain, seconds=600)
    command = [
        room.python, "-m", "lm_eval_hesnr", "--tasks", "swe_hesnr", "--model", "hf-topk", "--device", "cpu",
        "--model_args", f"{plain},score_store=store", "--output_path", "killed", "--log_samples", "--metadata",
        json.dumps({**metadata, "token_table": "tables"}),
    ]  # fmt: skip
    chance = random.Random(room.seed)
    stored = _killed_while_scoring(room, command, chance)
    _killed_while_writing(room, command, chance)
    done = room.run(command, seconds=600, megabytes=2500, may_move_up=True)
    room.expect("damaged" not in done.output, "an entry of the store is damaged")
    right, found = _results(room.folder / "right"), _results(room.folder / "killed")
    room.expect(bool(right) and right == found, "the results differ from those of the undisturbed run")
    both = [room.hesnr("measure", folder, "--json").stdout for folder in ("right_tables", "tables")]
    room.expect(both[0] == both[1], "the token tables give other measures")
    room.notes.append(f"runs in the store after each kill: {stored}")


def _killed_while_scoring(room: Room, command: Sequence[str], chance: random.Random) -> list[int]:
    """Kill the run each time that some more runs are in the store. Returns how many are there after each kill."""
    n_kills = KILLS - LATE_KILLS
    stored = [0]
    for turn in range(n_kills):
        process = _started(room, command)
        least = stored[-1] + 1 if turn else 0
        while process.poll() is None and _n_stored(room) < min(least, N_RUNS):
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.3))
        room.expect(process.poll() is None, f"kill {turn + 1}: the run ended with {_n_stored(room)} runs in the store")
        kill_group(process.pid)
        process.wait()
        stored.append(_n_stored(room))
    room.expect(len(set(stored)) > n_kills // 2, f"most kills found nothing new in the store: {stored}")
    return stored[1:]


def _n_stored(room: Room) -> int:
    return len(list(room.folder.glob("store/*/*.parquet")))


def _killed_while_writing(room: Room, command: Sequence[str], chance: random.Random) -> None:
    """Kill the run when all is scored: while it reads the store, or writes token tables and results."""
    room.run(command, seconds=600, megabytes=2500, may_move_up=True)
    begin = time.monotonic()
    room.run(command, seconds=600, megabytes=2500, may_move_up=True)
    whole = time.monotonic() - begin
    killed = 0
    for _ in range(3 * LATE_KILLS):
        if killed < LATE_KILLS:
            killed += killed_after(room, command, chance.uniform(0.5, 1) * whole) is None
    room.expect(killed == LATE_KILLS, f"{killed} late kills, not {LATE_KILLS}: the run ends too early")


def _results(folder: Path) -> dict[str, Any]:
    """The measures and signature of the last results file, without times."""
    path = max(folder.rglob("results_*.json"), default=None, key=lambda one: one.name)
    if path is None:
        return {}
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["results"]
    return {name: value for name, value in found.items() if name not in TIMES}
