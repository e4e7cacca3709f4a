"""Splits the two kinds of files with several runs that are not JSON: Aider's Markdown and Inspect's zip."""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

AIDER_NAME = ".aider.chat.history.md"
"""The end of the name of Aider's chat histories. In a folder, other Markdown files are not read."""

INSPECT_KEYS = ("inspect_eval", "inspect_sample")
"""Keys of the object that Inspect's reader gets: the description of the evaluation, and one sample."""

INSPECT_HEADERS = ("header.json", "_journal/start.json")
"""Files in a zip of Inspect that describe the evaluation. If the evaluation was stopped, only the second one exists."""

_ZIP_DAMAGE = (
    *(zipfile.BadZipFile, struct.error),
    *(LookupError, NotImplementedError, OverflowError, RuntimeError, ValueError),
)
"""Errors of a damaged or encrypted zip, and of a compression that Python does not know."""

_HEADING = re.compile(r"^# aider chat started at (.*)$", re.MULTILINE)


def aider_chats(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each chat of a history as `{"aider_chat": text, "started": time}`, with the number of its first line."""
    headings = list(_HEADING.finditer(text))
    ends = [*(heading.start() for heading in headings[1:]), len(text)]
    line, position = 1, 0
    for heading, end in zip(headings, ends, strict=False):
        line, position = line + text.count("\n", position, heading.start()), heading.start()
        yield line, {"aider_chat": text[heading.end() : end], "started": heading[1].strip()}


def inspect_files(path: Path, read: Callable[[IO[bytes]], bytes]) -> Iterator[tuple[str, bytes | str]]:
    """Yield the header of an Inspect log and each of its samples: the name, and the content or why it is not readable.

    Nothing is written to disk. `read` limits how much of a file is unpacked. If the zip is damaged, the last name is
    empty.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            samples = [name for name in names if name.startswith("samples/") and name.endswith(".json")]
            for name in [*[header for header in INSPECT_HEADERS if header in names][:1], *samples]:
                yield name, _content(archive, name, read)
            if not samples:
                yield "", "a log of Inspect without samples"
    except _ZIP_DAMAGE as error:
        yield "", f"not a readable log of Inspect ({str(error) or type(error).__name__})"


def _content(archive: zipfile.ZipFile, name: str, read: Callable[[IO[bytes]], bytes]) -> bytes | str:
    try:
        with archive.open(name) as stream:
            return read(stream)
    except (EOFError, OSError, zlib.error, *_ZIP_DAMAGE) as error:
        return f"cannot be read ({str(error) or type(error).__name__})"
