"""Writes runs in the file formats of three agents. The readers of these formats read the same runs again.

A file format is one module with `NAME`, `ENDING` (the file ending) and `write(trajectory)`, which returns the value to
write into the file. The reader of the format reads this value back as the same segments. `convert.convert_run` turns a
run of one agent into a run of another agent.

To add a file format, write its module and add it to `FILE_FORMATS`.
"""

from __future__ import annotations

import json
from typing import Any, Protocol

from lm_eval_hesnr.trajectories.schema import Trajectory
from lm_eval_hesnr.trajectories.writers import mini_swe_agent, swe_agent, swe_smith


class FileFormat(Protocol):
    """What each module of this folder defines."""

    NAME: str
    """The format's name, which is also the `source` of its swe-mini runs."""
    ENDING: str
    """File ending, such as `.traj`."""

    def write(self, trajectory: Trajectory) -> dict[str, Any]:
        """Return the file's value. Raises ValueError with the reason if the format cannot represent the run."""


_MODULES: tuple[FileFormat, ...] = (mini_swe_agent, swe_agent, swe_smith)

FILE_FORMATS = {module.NAME: module for module in _MODULES}
"""The file formats by name."""


def as_text(file_format: FileFormat, trajectory: Trajectory) -> str:
    """Return the content of a file. A data set row is one line. Other formats are indented as their agents do."""
    value = file_format.write(trajectory)
    return json.dumps(value, ensure_ascii=False, indent=None if file_format.ENDING == ".jsonl" else 2) + "\n"
