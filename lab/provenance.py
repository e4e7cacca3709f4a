"""With which code and versions a reading was made."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).parents[1]
_PACKAGES = ("lm_eval_hesnr", "lm_eval", "torch", "transformers", "tokenizers", "numpy", "scipy")
_RESULTS = (":!lab/readings", ":!docs/lab")
"""Changes of readings and pages are no changes of the code."""


def provenance() -> dict[str, str | bool | None]:
    """The commit, whether the code differs from it, the versions, and the kind of machine.

    `commit` is None outside a repository, and a version is None for a package that is not installed.
    """
    return {
        "commit": _git("rev-parse", "HEAD"),
        "changed": bool(_git("status", "--porcelain", "--untracked-files=no", "--", ".", *_RESULTS)),
        "python": platform.python_version(),
        "machine": platform.machine(),
        **{name: _version(name) for name in _PACKAGES},
    }


def digest_of_weights(folder: Path) -> str:
    """The SHA-256 of the weights of a checkpoint: of all its `.safetensors` files, in the order of their names."""
    found = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        found.update(path.read_bytes())
    return found.hexdigest()


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
