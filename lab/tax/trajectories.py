"""The files of trajectories that every model reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lab.micro_swe import Task
from lab.micro_swe.__main__ import GOLD_SEED
from lab.micro_swe.gold import gold_tasks, write_runs
from lab.tax.plan import GOLD_RUNS, LEVEL, OUT_OF_STYLE, SEGMENTS
from lab.tuning.tasks import CODE
from lm_eval_hesnr.files import replace_file
from lm_eval_hesnr.samples import samples


def trajectories(out: Path, data: str, left_out: Sequence[Task]) -> Path:
    """The file of a set of trajectories, which is made if it is missing.

    Args:
        out: the folder of the laboratory's work.
        data: a key of `lab.tax.plan.DATA`.
        left_out: the held-out tasks. No gold run is about one of their bugs.
    """
    if data == OUT_OF_STYLE:
        path = out / f"{data}-{SEGMENTS}.jsonl"
        if not path.exists():
            replace_file(path, beginnings())
        return path
    path = out / f"{data}-{LEVEL}-{GOLD_RUNS}-without-{LEVEL}-{CODE}.jsonl.gz"
    if not path.exists():
        write_runs(gold_tasks(LEVEL, GOLD_RUNS, GOLD_SEED, left_out), path)
    return path


def beginnings() -> str:
    """The first segments of the resolved embedded runs, as JSONL."""
    chosen = [replace(one, segments=one.segments[:SEGMENTS]) for one in samples() if one.resolved]
    return "".join(json.dumps(one.to_json(), ensure_ascii=False) + "\n" for one in chosen)
