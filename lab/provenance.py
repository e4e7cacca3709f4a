"""With which code and versions a reading was made."""

from __future__ import annotations

import hashlib
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.repository import commit

_PACKAGES = ("lm_eval_hesnr", "lm_eval", "torch", "transformers", "tokenizers", "numpy", "scipy")
_RESULTS = (":!lab/readings", ":!docs/lab")
"""Changes of readings and pages are no changes of the code."""


def provenance() -> dict[str, str | bool | None]:
    """The commit, whether the code differs from it, the versions, and the kind of machine.

    `commit` is None outside a repository, and a version is None for a package that is not installed.
    """
    head, changed = commit(*_RESULTS)
    return {
        "commit": head,
        "changed": changed,
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


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
