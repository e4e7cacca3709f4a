"""The programs that a sandbox offers: a fixed list, and what a run asks for beyond it."""

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
"""What every run finds. A fixed list makes "command not found" come out alike everywhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What one word after `Needs:` brings along."""

    links: tuple[str, ...]
    """Names put on the sandbox's PATH."""
    version: tuple[str, ...]
    """The command that tells its version."""
    needs: tuple[str, ...] = ()
    """Other entries of this table that it calls."""
    seconds: int = 5
    """How long a command of a run that needs it may take."""


PROGRAMS = {
    "node": Program(links=("node",), version=("node", "--version")),
    "make": Program(links=("make",), version=("make", "--version"), seconds=30),
    "gcc": Program(links=("gcc", "cc", "as", "ld", "ar"), version=("gcc", "-dumpfullversion"), seconds=30),
    "rustc": Program(links=("rustc", "rustdoc"), version=("rustc", "--version"), needs=("gcc",), seconds=30),
    "cargo": Program(links=("cargo",), version=("cargo", "--version"), needs=("rustc",), seconds=30),
    "sqlite3": Program(links=("sqlite3",), version=("sqlite3", "--version")),
    "awk": Program(links=("awk",), version=("awk", "-W", "version")),
}
"""By the word after `Needs:`."""

SECONDS = 5


def with_needed(names: Iterable[str]) -> list[str]:
    """The entries of `PROGRAMS` named, and those that they call, each once."""
    found: list[str] = []
    for name in names:
        found += [each for each in [*with_needed(PROGRAMS[name].needs), name] if each not in found]
    return found


def seconds_for(names: Iterable[str]) -> int:
    """After how many seconds a command is stopped: more where something compiles."""
    return max([SECONDS, *(PROGRAMS[name].seconds for name in names)])


def links_for(names: Iterable[str]) -> dict[str, Path]:
    """Name on the PATH to the real program, for the fixed list and everything that is needed."""
    wanted = [*FIXED, *(link for name in with_needed(names) for link in PROGRAMS[name].links)]
    return {name: _found(name) for name in wanted}


def versions_of(names: Iterable[str]) -> dict[str, str]:
    """The versions that a run's output depends on, such as {"node": "20.20.2"}; nothing for the fixed list."""
    return {name: _version(name) for name in with_needed(names)}


def missing(names: Iterable[str]) -> list[str]:
    """Those of the programs needed, and of the fixed list, that this machine does not have."""
    wanted = [*FIXED, *(link for name in with_needed(names) for link in PROGRAMS[name].links)]
    return [name for name in wanted if shutil.which(name) is None]


@cache
def rust_root() -> Path | None:
    """The Rust toolchain itself: what `rustup` puts on the PATH finds it through HOME, which a sandbox replaces."""
    if shutil.which("rustc") is None:
        return None
    told = subprocess.run(["rustc", "--print", "sysroot"], capture_output=True, text=True, check=True)
    return Path(told.stdout.strip())


def _found(name: str) -> Path:
    root = rust_root() if name in ("rustc", "rustdoc", "cargo") else None
    found = shutil.which(name, path=str(root / "bin")) if root else None
    found = found or shutil.which(name)
    if found is None:
        raise RuntimeError(f"recording needs the program {name!r}, which is not on the PATH")
    return Path(found)


@cache
def _version(name: str) -> str:
    program, *arguments = PROGRAMS[name].version
    told = subprocess.run([_found(program), *arguments], capture_output=True, text=True, check=True, env={})
    number = re.search(r"\d+(\.\d+)+", told.stdout + told.stderr)
    if number is None:
        raise RuntimeError(f"{name}: no version in {told.stdout!r:.60}")
    return number[0]
