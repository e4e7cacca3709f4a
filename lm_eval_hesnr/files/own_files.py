"""Files that hesnr wrote earlier: they are opened only if they are its own, and locked while they are in use."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import IO

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import kind_of

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# Windows has O_BINARY, and lacks the other two
_OWN_FLAGS = os.O_RDWR | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}
"""Errors of `flock` on a disk that has no locks."""


def open_own_file(path: Path) -> IO[bytes]:
    """A file that this package wrote earlier, open for reading and writing. The caller checks its content.

    Raises:
        InputError: it is not a regular file with one name. It is unchanged.
        OSError: there is no such file, or it cannot be opened.
    """
    kind = kind_of(path)  # opening a device may have effects
    if kind is None:
        file = os.fdopen(os.open(path, _OWN_FLAGS), "r+b")
        status = os.fstat(file.fileno())
        if stat.S_ISREG(status.st_mode) and status.st_nlink <= 1:  # 0: removed meanwhile
            return file
        file.close()
        kind = "a hard link"
    raise InputError(f"{path}: is {kind}, and not a file that hesnr wrote; move it, or choose another output")


def lock_file(file: IO[bytes], path: Path, *, wait: bool = False) -> bool:
    """Lock an open file until it is closed; False if another process has locked it, or has removed it meanwhile.

    It uses `flock`, which Linux also passes on to NFS. Where the system or the disk has no `flock`, the file is not
    locked, and the result is True.
    """
    if fcntl is not None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
    return is_at(file, path)


def is_at(file: IO[bytes], path: Path) -> bool:
    """Whether this open file is still the one at this path."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.lstat())
    except FileNotFoundError:
        return False


def remove_open(file: IO[bytes], path: Path) -> None:
    """Remove a file that is open, and close it. It stays locked until it is removed, where there are locks."""
    if fcntl is None:  # Windows does not remove an open file
        file.close()
    with suppress(FileNotFoundError):
        path.unlink()
    file.close()
