"""The tasks that all checkpoints are fine-tuned and asked on. They are made once and kept in a folder."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

from lab.grader import grade
from lab.micro_swe import Task, evaluation, sft_examples
from lm_eval_hesnr.files import replace_file, writing

N_EXAMPLES = 4000
"""To fine-tune on. 200 steps need 3 800."""
_SEED = 25


def _code_digest() -> str:
    """SHA-256 of all code and templates that tasks depend on."""
    folders = (Path(__file__).parents[1] / "micro_swe", Path(grade.__file__).parent)
    files = sorted(path for folder in folders for path in folder.rglob("*") if path.suffix in {".py", ".txt"})
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()


CODE = _code_digest()[:12]
"""Of the code as it was imported, not as it is when the tasks are made."""


class Tasks(NamedTuple):
    """Of one level."""

    examples: list[tuple[str, str]]
    """(prompt, action), to fine-tune on."""
    held_out: list[Task]
    """The tasks of the split "test", then those of "templates"."""

    def sha256(self) -> str:
        """The digest of all examples, and of names, prompts, right actions and tests of the held-out tasks."""
        held_out = [(task.id, task.prompt, task.action, task.tests) for task in self.held_out]
        return hashlib.sha256(json.dumps([self.examples, held_out]).encode()).hexdigest()


def tasks_of(folder: Path, level: int, n_workers: int = 1) -> Tasks:
    """The tasks of a level: from the folder if they are there, else made and written into it.

    The file's name has a digest of the code that makes them, so that other code makes them anew.
    """
    path = folder / f"tasks-{level}-{CODE}.json"
    if not path.exists():
        made = {
            "examples": sft_examples(level, N_EXAMPLES, _SEED, n_workers),
            "held_out": [task.to_json() for some in evaluation(level, n_workers).values() for task in some],
        }
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            replace_file(path, json.dumps(made) + "\n")
    found = json.loads(path.read_text(encoding="utf-8"))
    return Tasks(
        [(prompt, action) for prompt, action in found["examples"]], [Task.from_json(one) for one in found["held_out"]]
    )
