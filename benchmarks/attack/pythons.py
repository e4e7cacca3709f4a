"""Every command with each version of Python that the package supports, where an environment for it can be found."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable

from benchmarks.attack.environments import everything
from benchmarks.attack.table import Room, SkippedError, attack

VERSIONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
VARIABLE = "HESNR_ATTACK_PYTHONS"
"""Environment variable with more interpreters, separated by colons. Each needs the package's dependencies."""


def _interpreter(version: str) -> str:
    """An interpreter of this version that has the dependencies.

    Raises:
        SkippedError: there is none.
    """
    given = [*filter(None, os.environ.get(VARIABLE, "").split(":")), sys.executable, shutil.which(f"python{version}")]
    reason = f"no interpreter; name one with the dependencies in {VARIABLE}"
    for path in map(str, filter(None, given)):
        if _printed(path, "import sys; print('%d.%d' % sys.version_info[:2])").stdout.strip() != version:
            continue
        done = _printed(path, "import lm_eval, torch, transformers, pyarrow")
        if done.returncode == 0:
            return path
        reason = f"{path} lacks the dependencies ({done.stderr.strip().splitlines()[-1]}); name another in {VARIABLE}"
    raise SkippedError(reason)


def _printed(path: str, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([path, "-c", code], capture_output=True, text=True)


def _with(version: str) -> Callable[[Room], None]:
    def _work(room: Room) -> None:
        room.python = _interpreter(version)
        everything(room)
        room.notes.append(room.python)

    return _work


for _version in VERSIONS:
    attack("pythons", name=f"Python {_version}", seconds=1200)(_with(_version))
