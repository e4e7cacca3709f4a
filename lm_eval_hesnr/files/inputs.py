"""Keeps a command from replacing a file that it reads: one that the user names, or one in a folder that it names."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import refuse_input

_READ = ("*.parquet", "results_*.json", "samples_*.jsonl", "sweep.json", "state.json", "settings.json")
"""Names of files that commands read in folders of runs. A command may replace its earlier output there."""


def refuse_inputs(out: Path, given: Iterable[Path]) -> None:
    """Check that an output replaces no input, also if a filter leaves it out later.

    Args:
        out: the output. Its last part is not a link.
        given: the files and folders that the command reads.

    Raises:
        InputError: it is one of these files, or a file of a run inside one of the folders.
    """
    paths = list(given)
    refuse_input(out, paths)
    if out.is_file() and any(fnmatch(out.name, name) for name in _READ):
        place = out.parent.resolve()
        for folder in paths:
            if folder.is_dir() and place.is_relative_to(folder.resolve()):
                raise InputError(f"{out}: is one of the files in the input {folder}; give the output another name")
