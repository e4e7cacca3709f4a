"""Gold runs: tasks with their right action, as trajectories that every command of the package reads.

Only the fix counts as text of the agent. The prompt before it is there as text that nobody generated.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from lab.micro_swe.dataset import dataset
from lab.micro_swe.rendering import TASK_OF_SESSION, Text, text_of
from lab.micro_swe.task import Task
from lm_eval_hesnr.files import replace_file
from lm_eval_hesnr.trajectories.schema import Call, Segment, Trajectory

SOURCE = "micro-swe"


def gold_run(task: Task) -> Trajectory:
    """The task as a run that solved it."""
    text = text_of(task.level, task.function, task.bug, task.call, task.got, task.result)
    segments = [Segment("task", TASK_OF_SESSION.format(function=task.function))]
    for turn in text.turns:
        segments += [Segment("action", _shown(turn.command, task.level)), Segment("observation", _output(turn.output))]
    return Trajectory(
        id=task.id,
        source=SOURCE,
        resolved=True,
        model=None,
        segments=(*segments, *_fix(text, task.level)),
        meta={"instance_id": task.id, "template": task.template, "canon": task.canon, "bug": task.bug.kind},
    )


def gold_tasks(level: int, n: int, seed: int, left_out: Sequence[Task], n_workers: int = 2) -> list[Task]:
    """`n` tasks of the split "test". None of them has the bug of a task of `left_out` in the same function.

    Two functions that differ only in names are the same here.
    """
    without = {(task.canon, task.broken_canon) for task in left_out}
    made = dataset("test", level, n + len(without), seed, n_workers)
    return [task for task in made if (task.canon, task.broken_canon) not in without][:n]


def write_runs(tasks: Iterable[Task], path: Path) -> None:
    """Write the gold runs of the tasks to a JSONL file, compressed if its name ends with .gz.

    The same tasks give the same bytes.
    """
    lines = [json.dumps(gold_run(task).to_json(), ensure_ascii=False) + "\n" for task in tasks]
    data = "".join(lines).encode()
    data = gzip.compress(data, mtime=0) if path.suffix == ".gz" else data
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, data)


def _fix(text: Text, level: int) -> tuple[Segment, ...]:
    """The fix. In levels 0 to 2, `$ fix ` is a part of the prompt, so it is no text of the agent."""
    if level == 3:
        call = Call("bash", {"command": text.action}, executed=True)
        return (Segment("action", _shown(text.action, level), generated=True, calls=(call,)),)
    call = Call("edit", {"text": text.action}, executed=True)
    return Segment("action", "$ fix "), Segment("action", text.action, generated=True, calls=(call,), continues=True)


def _shown(command: str, level: int) -> str:
    return f"```bash\n{command}\n```" if level == 3 else f"$ {command}"


def _output(output: str) -> str:
    return output.removesuffix("\n")
