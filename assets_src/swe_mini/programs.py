"""The programs in a sandbox: a fixed list, and those that a run adds with `Needs:`."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FIXED = (
    *("basename", "bash", "cat", "chmod", "cmp", "cp", "cut", "date", "diff", "dirname", "env", "find", "git", "grep"),
    *("gzip", "head", "ln", "ls", "mkdir", "mktemp", "mv", "nl", "od", "printf", "readlink", "rm", "rmdir", "sed"),
    *("seq", "sh", "sleep", "sort", "stat", "tail", "tar", "tee", "touch", "tr", "uniq", "wc", "xargs"),
)
"""Programs of every run. The list is fixed, so that "command not found" occurs at the same commands everywhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program that a run can add."""

    links: tuple[str, ...]
    """Names that are added to the PATH of the sandbox."""
    version: tuple[str, ...]
    """The command that prints its version."""
    needs: tuple[str, ...] = ()
    """Keys of `PROGRAMS` that it calls."""
    seconds: int = 5
    """Time limit for each command of a run that needs it."""


PROGRAMS = {
    "node": Program(links=("node",), version=("node", "--version")),
    "make": Program(links=("make",), version=("make", "--version"), seconds=30),
    "gcc": Program(links=("gcc", "cc", "as", "ld", "ar"), version=("gcc", "-dumpfullversion"), seconds=30),
    "rustc": Program(links=("rustc", "rustdoc"), version=("rustc", "--version"), needs=("gcc",), seconds=30),
    "cargo": Program(links=("cargo",), version=("cargo", "--version"), needs=("rustc",), seconds=30),
    "sqlite3": Program(links=("sqlite3",), version=("sqlite3", "--version")),
    "awk": Program(links=("awk",), version=("awk", "-W", "version")),
}
"""By its name after `Needs:`."""

SECONDS = 5


def with_needed(names: Iterable[str]) -> list[str]:
    """These keys of `PROGRAMS` and those that they call, each once."""
    found: list[str] = []
    for name in names:
        found += [each for each in [*with_needed(PROGRAMS[name].needs), name] if each not in found]
    return found


def seconds_for(names: Iterable[str]) -> int:
    """The time limit of a command, in seconds. It is longer with a compiler."""
    return max([SECONDS, *(PROGRAMS[name].seconds for name in names)])


def links_for(names: Iterable[str]) -> dict[str, Path]:
    """From name on the PATH to real program, for the fixed list and the needed programs."""
    wanted = [*FIXED, *(link for name in with_needed(names) for link in PROGRAMS[name].links)]
    return {name: _found(name) for name in wanted}


def versions_of(names: Iterable[str]) -> dict[str, str]:
    """The versions of the needed programs, such as {"node": "20.20.2"}. The fixed list is not included."""
    return {name: _version(name) for name in with_needed(names)}


def missing(names: Iterable[str]) -> list[str]:
    """The programs, needed or of the fixed list, that this machine does not have."""
    wanted = [*FIXED, *(link for name in with_needed(names) for link in PROGRAMS[name].links)]
    return [name for name in wanted if shutil.which(name) is None]


@cache
def rust_root() -> Path | None:
    """Folder of the Rust toolchain. The links of `rustup` find it through HOME, which a sandbox replaces."""
    if shutil.which("rustc") is None:
        return None
    printed = subprocess.run(["rustc", "--print", "sysroot"], capture_output=True, text=True, check=True)
    return Path(printed.stdout.strip())


def _found(name: str) -> Path:
    root = rust_root() if name in ("rustc", "rustdoc", "cargo") else None
    found = shutil.which(name, path=str(root / "bin")) if root else None
    found = found or shutil.which(name)
    if found is None:
        raise RuntimeError(f"recording needs the program {name!r}, but it is not on the PATH")
    return Path(found)


@cache
def _version(name: str) -> str:
    program, *arguments = PROGRAMS[name].version
    printed = subprocess.run([_found(program), *arguments], capture_output=True, text=True, check=True, env={})
    number = re.search(r"\d+(\.\d+)+", printed.stdout + printed.stderr)
    if number is None:
        raise RuntimeError(f"{name}: no version found in {printed.stdout!r:.60}")
    return number[0]
