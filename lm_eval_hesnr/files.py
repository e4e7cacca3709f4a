"""Create folders and replace files."""

from __future__ import annotations

import re
import tempfile
import uuid
from pathlib import Path

from lm_eval_hesnr.errors import InputError

_UNFINISHED = re.compile(r"(.+)\.[0-9a-f]{32}\.partial")


def make_folder(folder: str | Path, option: str) -> Path:
    """The folder, created if it does not exist; `~` is expanded.

    Args:
        folder: the folder, as the user wrote it.
        option: the name of the option, for the error message.

    Raises:
        InputError: the folder cannot be created.
    """
    path = Path(folder).expanduser()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{option}: cannot make the folder {folder} ({error.strerror}); choose another") from error
    return path


def replace_file(path: Path, content: str | bytes) -> None:
    """Write a file completely or not at all. Other programs see the old file or the new one, never a part of it.

    Raises:
        OSError: the file cannot be written. The old file is unchanged.
    """
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}.partial")  # unique on all machines that share the disk
    try:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def unfinished_name(path: Path) -> str | None:
    """The final name of a file that `replace_file` did not finish; None for any other file."""
    found = _UNFINISHED.fullmatch(path.name)
    return found[1] if found else None


def check_writable(folder: Path, option: str) -> None:
    """Check that the folder exists or can be made, and that files can be made in it. Nothing is left behind.

    Args:
        folder: the folder.
        option: the option and its value, for the error message.

    Raises:
        InputError: no file can be made there.
    """
    folder = folder.absolute()
    try:
        existing = next(path for path in (folder, *folder.parents) if path.exists() or path.is_symlink())
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise InputError(f"{option}: cannot write there ({error.strerror}); choose another") from error
