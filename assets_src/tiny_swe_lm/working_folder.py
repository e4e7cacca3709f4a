"""What the family's working folder was made with, and what a command needs of it: said in one line where it fails."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from lm_eval_hesnr.errors import InputError


def require(out: Path, *names: str) -> None:
    """Raise InputError with the command that makes them where files or folders of these names are missing."""
    missing = [name for name in names if not (out / name).exists()]
    if missing:
        raise InputError(
            f"{out}: no {missing[0]} there, so the family is not made or not finished; make it, or let it go on, with "
            f"`python -m assets_src.tiny_swe_lm.family --out {out}`"
        )


def write_whole(path: Path, text: str) -> None:
    """Write a file that is there whole or not at all."""
    partial = path.with_suffix(".tmp")
    partial.write_text(text)
    partial.replace(path)


def keep_to_plan(out: Path, plan: Mapping[str, int]) -> None:
    """Write `plan.json` into the folder, or raise InputError where an earlier run made it with other numbers."""
    path = out / "plan.json"
    if not path.exists():
        if (out / "tokenizer.json").exists():
            raise InputError(f"{out}: there is a family but no plan.json that says how it is made; name another --out")
        out.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(plan, indent=1) + "\n")
    before = json.loads(path.read_text())
    for key, value in plan.items():
        if before.get(key) != value:
            raise InputError(
                f"{path}: {key} is {before.get(key)} there and {value} now, and two families would be mixed; name "
                "another --out, or give the numbers of before"
            )
