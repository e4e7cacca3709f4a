"""Runs in the file formats of their agents: the way back of three readers.

A form is one module with `NAME`, `ENDING` (of a file's name) and `write(trajectory)`, the value that the file holds.
What `write` gives is read back by the form's reader as the same segments; it raises ValueError with the reason where
the form has no place for something. `carry` makes a run of one agent one of another, where their tools allow it.
"""

from __future__ import annotations

import json
from typing import Any, Protocol

from lm_eval_hesnr.trajectories.schema import Trajectory
from lm_eval_hesnr.trajectories.writers import mini_swe_agent, swe_agent, swe_smith


class Form(Protocol):
    """What a module of this folder offers."""

    NAME: str
    ENDING: str

    def write(self, trajectory: Trajectory) -> dict[str, Any]:
        """The file's one value; raises ValueError where the form cannot hold the run."""


FORMS: dict[str, Form] = {form.NAME: form for form in (mini_swe_agent, swe_agent, swe_smith)}
"""By the name that runs of swe-mini have as their `source`."""


def as_text(form: Form, trajectory: Trajectory) -> str:
    """The content of a file of this form: a data set's row on one line, else indented as the agents do it."""
    value = form.write(trajectory)
    return json.dumps(value, ensure_ascii=False, indent=None if form.ENDING == ".jsonl" else 2) + "\n"
