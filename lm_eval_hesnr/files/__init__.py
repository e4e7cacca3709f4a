"""Check paths, create folders; open regular files, create and replace files, and never change one that is not ours.

No function here writes through a symbolic link. A file is replaced by renaming a complete new one.
"""

from __future__ import annotations

import errno
import io
import os
import re
import select
import stat
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.messages.characters import shortened

_PARTIAL = re.compile(r"(.+)\.[0-9a-f]{32}\.partial")
_ABANDONED_SECONDS = 3600
"""Age in seconds after which an unfinished file is removed. A running process may still write a newer one."""

_LONGEST_SHOWN = 200
"""Number of characters of a path in a message about it."""

_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_BINARY = getattr(os, "O_BINARY", 0)  # Windows has O_BINARY, and lacks the next one
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)  # a named pipe would be waited for


def user_path(given: str | Path) -> Path:
    """The path that a user wrote, with `~` expanded. The file does not need to exist.

    Raises:
        InputError: the system cannot look for such a path, for example because it is too long.
    """
    try:
        path = Path(given).expanduser()
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return path
    except RuntimeError as error:  # the home folder of an unknown user
        raise InputError(f"{given}: no such home folder; write the path without ~") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"{shortened(str(given), _LONGEST_SHOWN)}: cannot be used as a path ({reason})") from error
    return path


def is_file(name: str | Path) -> bool:
    """Whether there is a file at this path. A name that no path can have, such as one too long, is not a file."""
    try:
        return Path(name).is_file()
    except (OSError, ValueError):  # too long, or in a folder that cannot be searched
        return False


def is_folder(name: str) -> bool:
    """Whether there is a folder at this path. A name that no path can have, such as one too long, is not a folder."""
    try:
        return Path(name).is_dir()
    except (OSError, ValueError):  # too long, or with a NUL character
        return False


def make_folder(folder: str | Path, option: str) -> Path:
    """The folder, created if it does not exist; `~` is expanded.

    Args:
        folder: the folder, as the user wrote it.
        option: the name of the option, for the error message.

    Raises:
        InputError: the folder cannot be created.
    """
    path = user_path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{option}: cannot make the folder {folder} ({error.strerror}); choose another") from error
    return path


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Turn an error of the disk into an `InputError` of one line, which names the file or else `place`."""
    try:
        yield
    except OSError as error:
        where, reason = error.filename2 or error.filename or place, error.strerror or error  # filename2: the new name
        raise InputError(f"{where}: cannot be written to ({reason}); fix that, or choose another path") from error


def kind_of(path: Path) -> str | None:
    """What is at this path, such as "a symbolic link"; None for a regular file, and if nothing is there.

    Raises:
        OSError: the path cannot be looked at.
    """
    try:
        kind = stat.S_IFMT(path.lstat().st_mode)
    except FileNotFoundError:
        return None
    return None if kind == stat.S_IFREG else _KINDS.get(kind, "a special file")


def check_output(out: Path, *, force: bool) -> None:
    """Check that a command may write this file.

    Raises:
        InputError: the file exists and `force` is off, or it is not a regular file, or its path cannot be used.
    """
    with writing(out):
        if kind := kind_of(out):
            raise InputError(f"{out}: is {kind}; name a regular file, or a new one")
        if os.path.lexists(out) and not force:
            raise InputError(f"{out}: exists already; give another name, or --force to replace it")


def refuse_input(out: Path, inputs: Iterable[Path]) -> None:
    """Check that an output is not one of the files that the command reads, also under another name.

    Raises:
        InputError: it is one of them (hard and symbolic links count).
    """
    for given in inputs:
        with suppress(OSError):  # one of them does not exist
            if given.samefile(out):
                raise InputError(f"{out}: is one of the inputs; give the output another name")


def reason_of(error: OSError) -> str:
    """The error in words, with the file's name if the system gives it."""
    reason = error.strerror or str(error)
    return f"{error.filename}: {reason}" if error.filename else reason


def replace_file(path: Path, content: str | bytes, *, sync: bool = False) -> None:
    """Write a file completely or not at all. Other programs see the old file or the new one, never a part of it.

    Args:
        path: the file.
        content: its new content; text is written as UTF-8.
        sync: wait until the content is on the disk (5 to 10 ms), so that this is true also after a loss of power.

    Raises:
        FileExistsError: something is there that is not a regular file, such as a link. It is unchanged.
        OSError: the file cannot be written. The old file is unchanged.
    """
    if kind := kind_of(path):
        raise FileExistsError(errno.EEXIST, f"it is {kind}, expected a regular file", str(path))
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}.partial")  # unique on all machines that share the disk
    try:
        with create_file(partial) as file:
            file.write(content.encode() if isinstance(content, str) else content)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        error.filename = str(path)  # the user does not know the other name
        raise
    finally:
        with suppress(OSError):
            partial.unlink()


def remove_abandoned(paths: Iterable[Path], is_ours: Callable[[Path], bool]) -> None:
    """Remove files that `replace_file` did not finish, because its process was killed more than an hour ago.

    Args:
        paths: the paths to look at. Only regular files are removed, and only those that have the 32 random digits and
            the ending that `replace_file` gives.
        is_ours: whether the final path of such a file is one that the caller writes.
    """
    for path in paths:
        with suppress(OSError):
            found = _PARTIAL.fullmatch(path.name)
            is_abandoned = found and is_ours(path.with_name(found[1])) and kind_of(path) is None
            if is_abandoned and time.time() - path.lstat().st_mtime > _ABANDONED_SECONDS:
                path.unlink()


def open_regular(path: Path, *, pipe: bool = False) -> IO[bytes]:
    """Open a regular file to read bytes. It never waits, except for a pipe to which a program writes.

    Args:
        path: a file; links to files are followed.
        pipe: accept a pipe too, such as `/dev/stdin` or a shell's `<(command)`.

    Raises:
        OSError: the file cannot be opened, or it is a folder, a device, a socket or a pipe.
    """
    _check_regular(path.stat(), pipe)  # to open a device may change it
    raw = _Raw(path, opener=lambda name, flags: os.open(name, flags | _NONBLOCK))
    try:
        _check_regular(os.fstat(raw.fileno()), pipe)  # another file may have the name now
    except OSError:
        raw.close()
        raise
    return io.BufferedReader(raw)


def _check_regular(status: os.stat_result, pipe: bool) -> None:
    kind = stat.S_IFMT(status.st_mode)
    if kind != stat.S_IFREG and not (pipe and kind == stat.S_IFIFO):
        raise OSError(f"{_KINDS.get(kind, 'a special file')}, not a regular file")


class _Raw(io.FileIO):
    """A file that is read without waiting. A pipe ends if no program has its other end open."""

    def readinto(self, buffer: Any) -> int | None:
        while (n := super().readinto(buffer)) is None:  # a program has the other end open, and has not written yet
            select.select([self], [], [])
        return n


def read_regular(path: Path, *, at_most: int = 2**30) -> bytes:
    """The content of a file of at most `at_most` bytes. A symbolic link is followed.

    Raises:
        OSError: as in `open_regular`, or the file is too long.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > at_most:
            raise OSError(errno.EFBIG, f"expected at most {at_most >> 20} MiB, found {size >> 20}", str(path))
        return file.read()


def create_file(path: Path) -> IO[bytes]:
    """A new file, open for reading and writing.

    Raises:
        FileExistsError: something is there already, of any kind.
        OSError: the file cannot be created.
    """
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY, 0o666), "w+b")


def check_writable(folder: Path, option: str, names: Iterable[str] = ()) -> None:
    """Check that the folder exists or can be made, and that files can be made in it. Nothing is left behind.

    Args:
        folder: the folder.
        option: the option and its value, for the error message.
        names: the names of the files.

    Raises:
        InputError: no file can be made there.
    """
    folder = folder.absolute()
    try:
        existing = next(path for path in (folder, *folder.parents) if path.exists() or path.is_symlink())
        with tempfile.TemporaryFile(dir=existing):
            pass
        for name in (*folder.relative_to(existing).parts, *names):
            with suppress(FileNotFoundError):
                (existing / name).lstat()  # fails for a name that is too long
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{option}: cannot write there ({reason}); choose another") from error
