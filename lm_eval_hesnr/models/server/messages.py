"""Text of a server in values, messages and logs: without the API key, and without effect on a terminal."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

from lm_eval_hesnr.messages.characters import one_line, shortened, visible

_LONGEST = 300

_LONGEST_READ = 2**16
"""Characters that are looked at for a message. An answer can have 16 million, and each can need an escape."""

_SHORTEST_SECRET = 8
"""Shorter keys, such as EMPTY, are not secret. Replacing them would change names that contain them."""

_ESCAPE = re.compile(r"(?<!\\)\\+(?:u00([2-7][0-9a-fA-F])|(/))")
"""A character of ASCII that JSON may write as an escape, and does not need to. A match begins only where a run of
backslashes begins: otherwise a text of n backslashes takes n * n steps."""

_CUT_ESCAPE = re.compile(r"(?<!\\)\\+(u[0-9a-fA-F]{0,3})?$")

_ESCAPES = (r"\/", *(rf"\u00{digit}" for digit in range(2, 8)))
"""How each of these escapes begins."""


def without_secret(value: Any, secret: str) -> Any:
    """The text, or the JSON value, with *** instead of the secret in all its texts.

    A secret of fewer than 8 characters is not replaced.
    """
    if len(secret) < _SHORTEST_SECRET:
        return value
    if isinstance(value, str):
        return value.replace(secret, "***")
    if isinstance(value, list):
        return [without_secret(one, secret) for one in value]
    if isinstance(value, dict):
        return {without_secret(key, secret): without_secret(one, secret) for key, one in value.items()}
    return value


def may_contain(text: str, secret: str) -> bool:
    """Whether the value of this JSON may contain the secret. The test is much faster than `without_secret`."""
    return len(secret) >= _SHORTEST_SECRET and any(part in text for part in (json.dumps(secret)[1:-1], *_ESCAPES))


def censored(message: Any, secret: str, *, is_cut: bool = False) -> str:
    """The message in one line, at most 300 characters long, with escapes for characters that are not printable.

    Args:
        message: any object; its text is used.
        secret: *** replaces it; empty if there is no secret.
        is_cut: the message is the first part of a longer one, so it can end with a part of the secret.
    """
    text = _plain(str(message), secret)
    if is_cut and len(secret) >= _SHORTEST_SECRET:
        text = _CUT_ESCAPE.sub("", text)
        n_cut = next((n for n in range(len(secret), 0, -1) if text.endswith(secret[:n])), 0)
        text = text[: len(text) - n_cut]
    text = shortened(" ".join(text[:_LONGEST_READ].split()), _LONGEST)
    return shortened(one_line(text), _LONGEST)


class ServerTextFilter(logging.Filter):
    """Makes log records safe that other packages write: they contain the server's text, and headers with the key."""

    def __init__(self, secret: str) -> None:
        super().__init__()
        self._secret = secret

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace the secret by *** and control characters by escapes, also in the traceback. Keep the record."""
        record.msg, record.args = self._safe(record.getMessage()), ()
        if record.exc_info:
            record.exc_text, record.exc_info = logging.Formatter().formatException(record.exc_info), None
        if record.exc_text:
            record.exc_text = self._safe(record.exc_text)
        return True

    def _safe(self, text: str) -> str:
        return visible(shortened(_plain(text, self._secret), _LONGEST_READ))


def _plain(text: str, secret: str) -> str:
    """The text without the secret, even if JSON's escapes are used for its characters."""
    text = _ESCAPE.sub(lambda found: found[2] or chr(int(found[1], 16)), text)
    return str(without_secret(text, secret))
