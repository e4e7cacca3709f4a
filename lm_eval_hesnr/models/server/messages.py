"""Text of a server in messages and logs: in one line, without control characters and without the API key."""

from __future__ import annotations

import logging
from typing import Any

from lm_eval_hesnr.messages.characters import one_line, shortened

_LONGEST = 300


def censored(message: Any, secret: str, *, is_cut: bool = False) -> str:
    """The message in one line, at most 300 characters long, with escapes for characters that are not printable.

    Args:
        message: any object; its text is used.
        secret: *** replaces it; empty if there is no secret.
        is_cut: the message is the first part of a longer one, so it can end with a part of the secret.
    """
    text = str(message)
    if secret:
        text = text.replace(secret, "***")
        text = text[: -len(secret)] if is_cut else text
    return shortened(one_line(" ".join(text.split())), _LONGEST)


class SecretFilter(logging.Filter):
    """Removes a secret from log records: the harness logs its own failing requests with all their headers."""

    def __init__(self, secret: str) -> None:
        super().__init__()
        self._secret = secret

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace the secret in the record by ***, and keep the record."""
        message = record.getMessage()
        if self._secret in message:
            record.msg, record.args = message.replace(self._secret, "***"), ()
        return True
