"""Checks of the family's working folder: its settings, and the files that a command needs. Errors are one line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from lm_eval_hesnr.errors import InputError


def require(out: Path, *names: str) -> None:
    """Raise InputError if one of these files or folders is missing. The message contains the command that makes it."""
    missing = [name for name in names if not (out / name).exists()]
    if missing:
        raise InputError(
            f"{out}: {missing[0]} is missing, so the family is not made or not finished; make or continue it with "
            f"`python -m assets_src.tiny_swe_lm.family --out {out}`"
        )


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is either complete or absent."""
    partial = path.with_suffix(".tmp")
    partial.write_text(text)
    partial.replace(path)


def keep_to_plan(out: Path, plan: Mapping[str, int | str]) -> None:
    """Write `plan.json` into the folder; raises InputError if an earlier run has other settings."""
    path = out / "plan.json"
    if not path.exists():
        if (out / "tokenizer.json").exists():
            raise InputError(f"{out}: a family is there, but plan.json with its settings is missing; use another --out")
        out.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(plan, indent=1) + "\n")
    before = json.loads(path.read_text())
    for key, value in plan.items():
        if before.get(key) != value:
            raise InputError(
                f"{path}: {key} was {before.get(key)} and is {value} now, which would mix two families; use another "
                "--out, or the settings of before"
            )
