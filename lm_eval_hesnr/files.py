"""Check paths, create folders and replace files."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

from lm_eval_hesnr.errors import InputError

_UNFINISHED = re.compile(r"(.+)\.[0-9a-f]{32}\.partial")
_LONGEST_SHOWN = 200
"""Number of characters of a path in a message about it."""


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
        raise InputError(f"{_shortened(str(given))}: cannot be used as a path ({reason})") from error
    return path


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


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
