"""What lies where in files that hold several runs in a form of their own: Aider's Markdown and Inspect's zip."""

from __future__ import annotations

import re
from collections.abc import Iterator

AIDER_NAME = ".aider.chat.history.md"
"""The end of the name of Aider's chat histories. In a folder, other Markdown files are not read."""

INSPECT_KEYS = ("inspect_eval", "inspect_sample")
"""Keys of a sample of Inspect as its reader gets it: the description of the evaluation, and the sample."""

_HEADING = re.compile(r"^# aider chat started at (.*)$", re.MULTILINE)


def aider_chats(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each chat of a history as `{"aider_chat": text, "started": time}`, with the number of its first line."""
    headings = list(_HEADING.finditer(text))
    ends = [*(heading.start() for heading in headings[1:]), len(text)]
    line, position = 1, 0
    for heading, end in zip(headings, ends, strict=False):
        line, position = line + text.count("\n", position, heading.start()), heading.start()
        yield line, {"aider_chat": text[heading.end() : end], "started": heading[1].strip()}


def inspect_members(names: list[str]) -> tuple[str, list[str]]:
    """The names of the header and of the samples in a zip of Inspect; the first one is empty if there is no header."""
    header = next((name for name in ("header.json", "_journal/start.json") if name in names), "")
    return header, [name for name in names if name.startswith("samples/") and name.endswith(".json")]
