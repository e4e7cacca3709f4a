"""Text found on this machine: the standard library and permissively licensed installed packages.

A hash of its name assigns every file to the training or the held-out split. So the split is the same in every run, and
the same for code documents and for the functions in sessions.
"""

from __future__ import annotations

import hashlib
import random
import re
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Character budget of each source. A source is a folder or module of site-packages. Missing ones are skipped.
STDLIB_CHARS = 20_000_000
PACKAGE_CHARS = {
    "sympy": 8_000_000,
    "torch": 5_000_000,
    "transformers": 4_000_000,
    "huggingface_hub": 1_000_000,
    "datasets": 1_000_000,
    "accelerate": 500_000,
    "networkx": 5_000_000,
    "pandas": 6_000_000,
    "sklearn": 6_000_000,
    "scipy": 4_000_000,
    "numpy": 3_000_000,
    "mypy": 2_000_000,
    "setuptools": 2_000_000,
    "nltk": 2_000_000,
    "aiohttp": 1_000_000,
    "pygments": 1_000_000,
    "pydantic": 1_000_000,
    "rich": 1_000_000,
    "_pytest": 1_000_000,
    "mpmath": 1_000_000,
    "fsspec": 700_000,
    "joblib": 600_000,
    "urllib3": 500_000,
    "jinja2": 500_000,
    "click": 400_000,
    "anyio": 400_000,
    "more_itertools": 300_000,
    "packaging": 300_000,
    "tomlkit": 200_000,
    "requests": 200_000,
    "attr": 200_000,
    "yaml": 200_000,
    "typer": 200_000,
    "markdown_it": 200_000,
    "h11": 100_000,
    "sortedcontainers": 100_000,
    "dateutil": 200_000,
    "pathvalidate": 100_000,
    "absl": 100_000,
    "six.py": 50_000,
    "pluggy": 50_000,
    "word2number": 10_000,
}
SKIPPED_PARTS = {"site-packages", "idlelib", "turtledemo", "lib2to3", "encodings", "__pycache__", "pygments/lexers"}
MAX_FILE_CHARS = 120_000
HELD_OUT_ONE_IN = 20
# Some permissive packages contain copies of others: `setuptools/_vendor/autocommand` is LGPL.
COPYLEFT = re.compile(r"GNU (Lesser|Library|Affero)? ?(General|GPL)|Mozilla Public License|\bA?L?GPLv?[23]")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """One text file that the corpus may use."""

    source: str
    """`stdlib`, or the folder name of the package."""
    name: str
    """Path relative to the library folder. It decides the split."""
    path: Path
    held_out: bool


def is_held_out(name: str) -> bool:
    """Whether a file with this name is held out: one name in `HELD_OUT_ONE_IN`, by hash."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % HELD_OUT_ONE_IN == 0


def is_copyleft(path: Path) -> bool:
    """Whether the beginning of the file mentions a copyleft licence."""
    return COPYLEFT.search(path.read_text(encoding="utf-8", errors="replace")[:3000]) is not None


def read_text(path: Path) -> str | None:
    """The text of a file. None if it is not UTF-8, has no useful size, or is under a copyleft licence."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None
    return text if 200 <= len(text) <= MAX_FILE_CHARS and not is_copyleft(path) else None


def _python_files(root: Path, base: Path, source: str) -> Iterator[SourceFile]:
    paths = [root] if root.is_file() else sorted(root.rglob("*.py"))
    for path in paths:
        name = path.relative_to(base).as_posix()
        if any(f"/{part}/" in f"/{name}" for part in SKIPPED_PARTS):
            continue
        yield SourceFile(source=source, name=name, path=path, held_out=is_held_out(name))


def iter_code_files(seed: int, *, within_budget: bool = True) -> Iterator[SourceFile]:
    """Files of every source in a seeded random order: those within its character budget, or all of them."""
    stdlib = Path(sysconfig.get_path("stdlib"))
    site = Path(sysconfig.get_path("purelib"))
    budgets = [("stdlib", stdlib, stdlib, STDLIB_CHARS)]
    budgets += [(name, site / name, site, chars) for name, chars in PACKAGE_CHARS.items() if (site / name).exists()]
    for source, root, base, budget in budgets:
        files = list(_python_files(root, base, source))
        random.Random(f"{seed}-{source}").shuffle(files)
        # The standard library has many tests; its modules come first.
        files.sort(key=lambda file: file.name.startswith("test/"))
        for file in files:
            size = file.path.stat().st_size
            if size <= MAX_FILE_CHARS and (budget > 0 or not within_budget):
                budget -= size
                yield file


def iter_prose_files() -> Iterator[SourceFile]:
    """Package descriptions (markdown and reStructuredText) of the packages named above."""
    site = Path(sysconfig.get_path("purelib"))
    for path in sorted(site.glob("*.dist-info/METADATA")):
        package = path.parent.name.split("-")[0]
        if package in PACKAGE_CHARS or package in {"pytest", "attrs", "pyyaml", "scikit_learn"}:
            name = path.relative_to(site).as_posix()
            yield SourceFile(source="prose", name=name, path=path, held_out=is_held_out(name))
