"""Which commit this checkout has."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def commit(*without: str) -> tuple[str | None, bool]:
    """The commit, None outside a repository; and whether a file that git knows has changed since.

    Args:
        without: pathspecs of files that do not count.
    """
    return _git("rev-parse", "HEAD"), bool(_git("status", "--porcelain", "--untracked-files=no", "--", ".", *without))


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
