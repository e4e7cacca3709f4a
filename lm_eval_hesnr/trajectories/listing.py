"""Lists the files of a folder or of a glob. A folder that contains a link to itself is listed once.

A reader that looks at the folder of its file uses `kept_for_folder`. A folder with n runs is then listed once, not n
times.
"""

from __future__ import annotations

import glob
import logging
import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache, wraps
from pathlib import Path
from typing import TypeVar

_FOLDERS_KEPT = 16
"""The folder of a run and the two above it are needed, and runs are read folder by folder."""

T = TypeVar("T")

eval_logger = logging.getLogger("lm_eval.hesnr")


def kept_for_folder(find: Callable[[Path], T]) -> Callable[[Path], T]:
    """A decorator for what is known about a folder: it is found once, and again after the folder has changed.

    The change of a file, or of a folder inside the folder, does not count. Do not change the result: others get the
    same one.
    """

    @lru_cache(maxsize=_FOLDERS_KEPT)
    def _kept(folder: Path, changed: int) -> T:
        return find(folder)

    @wraps(find)
    def _found(folder: Path) -> T:
        return _kept(folder, changed_ns(folder))

    return _found


def changed_ns(folder: Path) -> int:
    """When a folder last changed, in nanoseconds; 0 if there is no such folder, as for a data set of the Hub."""
    try:
        return folder.stat().st_mtime_ns
    except (OSError, ValueError):
        return 0


def paths_in(folder: Path) -> list[Path]:
    """What a folder contains, sorted by name; empty if it cannot be listed."""
    try:
        return sorted(folder.iterdir())
    except (OSError, ValueError):
        return []


def files_under(folder: Path) -> list[Path]:
    """Every regular file under a folder, sorted. Links to files are listed, links to folders are not followed."""
    return sorted(path for inner in _folders(folder) for one in _entries(inner) if (path := Path(one.path)).is_file())


def files_of_glob(pattern: Path) -> list[Path]:
    """Every regular file that a glob matches, sorted. Links to folders are followed."""
    return sorted(path for path in _matches(pattern) if path.is_file())


def _matches(pattern: Path) -> Iterator[Path]:
    """Yield what a glob matches. `**` is any number of folders, each by its shortest path."""
    parts = pattern.parts
    if "**" not in parts:
        yield from map(Path, glob.glob(str(pattern)))  # noqa: PTH207 (absolute patterns)
        return
    at = parts.index("**")
    rest = parts[at + 1 :] or ("*",)
    for root in _matches(Path(*parts[:at])) if at else [Path()]:
        for folder in _folders(root, follow_links=True) if root.is_dir() else ():
            yield from _matches(Path(glob.escape(str(folder)), *rest))


def _folders(root: Path, *, follow_links: bool = False) -> Iterator[Path]:
    """Yield the folder and all folders in it, the nearest first, and each only once.

    Args:
        root: the folder.
        follow_links: follow links to folders, and leave out hidden folders, as a glob does.
    """
    left = deque([root])
    seen: set[tuple[int, int]] = set()
    while left:
        folder = left.popleft()
        with suppress(OSError):  # the folder is gone
            status = folder.stat()
            if (identity := (status.st_dev, status.st_ino)) in seen:
                continue
            seen.add(identity)
        yield folder
        for entry in _entries(folder):
            is_linked = follow_links and entry.is_symlink() and Path(entry.path).is_dir()
            if (is_linked or entry.is_dir(follow_symlinks=False)) and not (follow_links and entry.name[0] == "."):
                left.append(Path(entry.path))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What a folder contains, sorted; nothing if it cannot be read, and a warning."""
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        eval_logger.warning("%s: this folder cannot be read (%s), so its files are missing", folder, error.strerror)
        return []
