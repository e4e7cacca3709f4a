"""Text in languages other than Python, found on this machine, with a permissive licence.

Sources are searched where programs keep them: packages of npm, source pages of the Rust documentation, headers of
Python and of installed packages, scripts of PostgreSQL. Missing sources are skipped. The split is by file name.
"""

from __future__ import annotations

import html
import json
import random
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from assets_src.tiny_swe_lm.sources import SourceFile, is_held_out, read_text

NPM_LICENCES = {"MIT", "ISC", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "BlueOak-1.0.0", "0BSD"}
# Character budget of each source.
CHARS = {
    "npm": 2_600_000,
    "rust": 2_200_000,
    "python-c": 900_000,
    "numpy-c": 300_000,
    "mypyc-c": 700_000,
    "sklearn-c": 300_000,
    "torch-c": 1_200_000,
    "pyarrow-c": 600_000,
    "postgresql-sql": 500_000,
    "pyenv-sh": 200_000,
    "typeshed-toml": 60_000,
    "lm_eval-yaml": 150_000,
}
MAX_LINE_CHARS = 200  # text with longer lines on average is generated or minified
MAX_BYTES = 120_000
_RUST_PAGE = re.compile(r'<pre class="rust"><code>(.*?)</code></pre>', re.S)
_RUST_LINE_NUMBER = re.compile(r"<a href=#\d+ id=\d+ data-nosnippet>\d+</a>")
_TAG = re.compile(r"<[^>]*>")


def rust_text(page: str) -> str:
    """The Rust source on a page of the documentation."""
    found = _RUST_PAGE.search(page)
    return html.unescape(_TAG.sub("", _RUST_LINE_NUMBER.sub("", found[1]))).strip("\n") + "\n" if found else ""


@cache
def read_language_text(path: Path) -> str | None:
    """The text of a file. None if it is not UTF-8, has no useful size, or is copyleft or generated."""
    if path.name.endswith(".rs.html"):
        text: str | None = rust_text(path.read_text(encoding="utf-8"))
        text = text if text and len(text) >= 200 else None
    else:
        text = read_text(path)
    if text is None or len(text) / (text.count("\n") + 1) > MAX_LINE_CHARS:
        return None
    return text


def _answer(*command: str) -> str | None:
    """The last line that a program prints. None if it fails or is not installed."""
    if shutil.which(command[0]) is None:
        return None
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip().splitlines()[-1] if done.returncode == 0 and done.stdout.strip() else None


def _npm_files() -> Iterator[tuple[Path, str]]:
    """JavaScript of the packages inside npm. The licence is that in their `package.json`."""
    root = _answer("npm", "root", "-g")
    folder = Path(root or "/nonexistent") / "npm" / "node_modules"
    for manifest in sorted([*folder.glob("*/package.json"), *folder.glob("@*/*/package.json")]):
        if json.loads(manifest.read_text()).get("license") in NPM_LICENCES:
            for path in sorted([*manifest.parent.rglob("*.js"), *manifest.parent.rglob("*.mjs")]):
                if "node_modules" not in path.relative_to(manifest.parent).parts and ".min." not in path.name:
                    yield path, path.relative_to(folder).as_posix()


def _rust_files() -> Iterator[tuple[Path, str]]:
    root = _answer("rustc", "--print", "sysroot")
    folder = Path(root or "/nonexistent") / "share/doc/rust/html/src"
    for path in sorted(folder.rglob("*.rs.html")):
        name = path.relative_to(folder).as_posix().removesuffix(".html")
        if "stdarch" not in name and "portable-simd" not in name:  # long tables of instructions
            yield path, name


def _tree(root: Path, *endings: str, below: str = "") -> Iterator[tuple[Path, str]]:
    paths = {path for ending in endings for path in (root / below).rglob(f"*{ending}")}
    for path in sorted(paths):
        yield path, path.relative_to(root).as_posix()


def _found() -> dict[str, list[tuple[Path, str]]]:
    """The files of each source, with their names. Names do not contain folders of this machine."""
    site = Path(sysconfig.get_path("purelib"))
    pyenv = Path(sysconfig.get_path("stdlib")).parents[3]  # pyenv's folder; its stdlib is versions/X.Y.Z/lib/pythonX.Y
    scripts = [*_tree(pyenv / "libexec", "")] if (pyenv / "libexec/pyenv").exists() else []
    postgresql = sorted(Path("/usr/share/postgresql").glob("*"))
    return {
        "npm": list(_npm_files()),
        "rust": list(_rust_files()),
        "python-c": list(_tree(Path(sysconfig.get_path("include")), ".h")),
        "numpy-c": list(_tree(site, ".h", ".c", below="numpy")),
        "mypyc-c": list(_tree(site, ".h", ".c", below="mypyc")),
        "sklearn-c": list(_tree(site, ".h", ".c", ".cpp", below="sklearn")),
        "torch-c": [*_tree(site, ".h", below="torch/include/c10"), *_tree(site, ".h", below="torch/include/torch")],
        "pyarrow-c": list(_tree(site, ".h", ".cc", below="pyarrow")),
        "postgresql-sql": [item for root in postgresql for item in _tree(root, ".sql")],
        "pyenv-sh": [(path, f"{name}.sh") for path, name in scripts if path.is_file()],
        "typeshed-toml": list(_tree(site, ".toml", below="pyright")),
        "lm_eval-yaml": list(_tree(site, ".yaml", below="lm_eval")),
    }  # fmt: skip


def iter_language_files(seed: int) -> Iterator[SourceFile]:
    """Files of every source in a seeded random order, within the character budget of the source."""
    for source, files in _found().items():
        budget = CHARS[source]
        random.Random(f"{seed}-{source}").shuffle(files)
        for path, name in files:
            size = path.stat().st_size
            if budget > 0 and 200 <= size <= (6 * MAX_BYTES if source == "rust" else MAX_BYTES):
                text = read_language_text(path)
                if text is not None and len(text) <= MAX_BYTES:
                    budget -= len(text)
                    yield SourceFile(source=source, name=name, path=path, held_out=is_held_out(f"{source}/{name}"))
