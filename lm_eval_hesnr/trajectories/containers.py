"""Reads the two kinds of files with several runs that are not JSON: Aider's Markdown and Inspect's zip."""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import IO, Any

from lm_eval_hesnr.trajectories import decoding
from lm_eval_hesnr.trajectories.decoding import Bad, Record, decoded, read_rest
from lm_eval_hesnr.trajectories.opening import decompressed_limit, too_much

AIDER_NAME = ".aider.chat.history.md"
"""The end of the name of Aider's chat histories. In a folder, other Markdown files are not read."""

INSPECT_KEYS = ("inspect_eval", "inspect_sample")
"""Keys of the object that Inspect's reader gets: the description of the evaluation, and one sample."""

_INSPECT_HEADERS = ("header.json", "_journal/start.json")
"""Files in a zip of Inspect that describe the evaluation. If the evaluation was stopped, only the second one exists."""

_ZIP_DAMAGE = (
    *(zipfile.BadZipFile, struct.error),
    *(LookupError, NotImplementedError, OverflowError, RuntimeError, ValueError),
)
"""Errors of a damaged or encrypted zip, and of a compression that Python does not know."""

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Compressions that are read. With any other one, Python decompresses a piece completely, whatever its size becomes."""

_HEADING = re.compile(r"^# aider chat started at (.*)$", re.MULTILINE)


def markdown_records(stream: IO[bytes]) -> Iterator[Record]:
    """The chats of Aider's history."""
    raw = read_rest(stream)
    if len(raw) > decoding.MAX_BYTES:
        yield Record("", Bad(f"more than {decoding.MAX_BYTES >> 20} MiB of Markdown; split the file between two chats"))
        return
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        yield Record("", Bad(f"not UTF-8 text (byte {error.start}: {error.reason})"))
        return
    found = False
    for line, chat in _aider_chats(text):
        found = True
        yield Record(f"line {line}", chat)
    if not found:
        yield Record("", Bad("Markdown without a line '# aider chat started at'; only histories of Aider are read"))


def inspect_records(stream: IO[bytes]) -> Iterator[Record]:
    """The samples of an Inspect log, which is a zip.

    Raises:
        OSError: the samples together decompress to more than the limit; the ones before are yielded.
    """
    evaluation = None
    for name, content in _inspect_files(stream):
        if isinstance(content, str):
            value: Any = Bad(content)
        elif len(content) > decoding.MAX_BYTES:
            value = Bad(f"a sample of more than {decoding.MAX_BYTES >> 20} MiB")
        else:
            value = decoded(content).value
        if name in _INSPECT_HEADERS:
            evaluation = value.get("eval") if isinstance(value, dict) else None
        else:
            sample = dict(zip(INSPECT_KEYS, (evaluation, value), strict=True))
            yield Record(name, value if isinstance(value, Bad) else sample, len(content))


def _aider_chats(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each chat of a history as `{"aider_chat": text, "started": time}`, with the number of its first line."""
    headings = list(_HEADING.finditer(text))
    ends = [*(heading.start() for heading in headings[1:]), len(text)]
    line, position = 1, 0
    for heading, end in zip(headings, ends, strict=False):
        line, position = line + text.count("\n", position, heading.start()), heading.start()
        yield line, {"aider_chat": text[heading.end() : end], "started": heading[1].strip()}


def _inspect_files(stream: IO[bytes]) -> Iterator[tuple[str, bytes | str]]:
    """Yield the header of an Inspect log and each of its samples: the name, and the content or why it is not readable.

    Nothing is written to disk. If the zip is damaged, the last name is empty.
    """
    left = limit = decompressed_limit(stream)
    try:
        with zipfile.ZipFile(stream) as archive:
            names = archive.namelist()
            samples = Counter(name for name in names if name.startswith("samples/") and name.endswith(".json"))
            once = [name for name, n in samples.items() if n == 1]
            for name in [*[header for header in _INSPECT_HEADERS if header in names][:1], *once]:
                content = _content(archive, name)
                left -= len(content)
                if left < 0:  # files in a zip may overlap
                    raise too_much(limit)
                yield name, content
            if twice := [name for name, n in samples.items() if n > 1]:
                yield "", f"{len(twice)} samples have a name that occurs more than once, the first {twice[0]!a:.100}"
            if not samples:
                yield "", "a log of Inspect without samples"
    except _ZIP_DAMAGE as error:
        yield "", f"not a readable log of Inspect ({str(error) or type(error).__name__})"


def _content(archive: zipfile.ZipFile, name: str) -> bytes | str:
    if archive.getinfo(name).compress_type not in _METHODS:
        return "compressed by a method that is not supported; expected a zip whose files are stored or deflated"
    try:
        with archive.open(name) as stream:
            return read_rest(stream)
    except (EOFError, OSError, zlib.error, *_ZIP_DAMAGE) as error:
        return f"cannot be read ({str(error) or type(error).__name__})"
