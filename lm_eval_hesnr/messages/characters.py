r"""Text from outside, made safe for a terminal.

A trajectory, a file name or a server's answer may contain characters that move the cursor, overwrite a line, reorder
text or are not seen at all. `visible` shows each of them as an escape, such as `\x1b`. The text keeps its meaning for a
reader, and it has no effect on the terminal.
"""

from __future__ import annotations

import re
import sys

_RUN = re.compile(r"[^\x20-\x7e\n\t]+")

LONGEST_NAME = 500
"""Characters that tables show of the name of a run or a model. A file may have any text as the name."""

_LONGEST_MESSAGE = 4000
"""Characters."""

_SURROGATE = re.compile(r"[\ud800-\udfff]")

_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U00016fe4\U0001d159"
    "\U000e0100-\U000e01ef]"
)
"""Characters that `str.isprintable` accepts and that show nothing: fillers, variation selectors, empty signs."""

_PICTURE = "\u203c\u2049\u2122\u2139\u2190-\u27bf\u2934-\u2b55\u3030\u303d\u3297\u3299\U0001f000-\U0001faff©®"
_EMOJI = re.compile(
    f"(?<=[{_PICTURE}])\ufe0f|\ufe0f(?=\u20e3)|(?<=[{_PICTURE}])\u200d(?=[{_PICTURE}])|"
    f"(?<=[{_PICTURE}]\ufe0f)\u200d(?=[{_PICTURE}])"
)
"""The two invisible characters inside an emoji: after a picture, and between two pictures."""


def visible(text: str) -> str:
    r"""The text with an escape, such as `\x1b`, for every character that is not printable or not visible.

    These stay as they are: line ends, tabs, and the joiners and variation selectors inside an emoji.
    """
    return _RUN.sub(_escaped, text)


def one_line(text: str) -> str:
    """The text in one line: like `visible`, and each line end is an escape too."""
    return visible(text).replace("\n", "\\n")


def shortened(text: str, n: int) -> str:
    """The text; if it is longer than `n` characters, its first `n` and three dots."""
    return text if len(text) <= n else f"{text[:n]}..."


def short_line(text: str) -> str:
    """The text in one line, as `one_line`. The middle of a very long text is replaced by three dots.

    The beginning of a message says what is wrong, and its end what to do.
    """
    line = one_line(text)
    if len(line) <= _LONGEST_MESSAGE:
        return line
    return f"{line[: _LONGEST_MESSAGE * 3 // 4]} ... {line[-_LONGEST_MESSAGE // 4 :]}"


def is_unicode(value: object) -> bool:
    """Whether a value is a text that UTF-8 can encode: a text without lone surrogates."""
    return isinstance(value, str) and not _SURROGATE.search(value)


def accept_every_character() -> None:
    """Make stdout write an escape for each character that its encoding does not have, instead of raising an error.

    The locale `C` has only ASCII, for example, and the harness's table contains arrows. Nothing changes if stdout has
    all characters of Unicode, or is not a usual text stream.
    """
    encoding = getattr(sys.stdout, "encoding", None) or ""
    if hasattr(sys.stdout, "reconfigure") and not encoding.lower().startswith("utf"):
        sys.stdout.reconfigure(errors="backslashreplace")


def _escaped(run: re.Match[str]) -> str:
    if run[0].isprintable() and not _INVISIBLE.search(run[0]):
        return run[0]
    return "".join(
        character
        if (character.isprintable() and not _INVISIBLE.match(character)) or _EMOJI.match(run.string, i)
        else character.encode("unicode_escape").decode("ascii")
        for i, character in enumerate(run[0], start=run.start())
    )
