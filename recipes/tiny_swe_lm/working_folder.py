"""What a command needs of the family's working folder, said in one line where it is not there."""

from __future__ import annotations

from pathlib import Path

from lm_eval_hesnr.errors import InputError


def require(out: Path, *names: str) -> None:
    """Raise InputError with the command that makes them where files or folders of these names are missing."""
    missing = [name for name in names if not (out / name).exists()]
    if missing:
        raise InputError(
            f"{out}: no {missing[0]} there, so the family is not made or not finished; make it, or let it go on, with "
            f"`python -m recipes.tiny_swe_lm.family --out {out}`"
        )
