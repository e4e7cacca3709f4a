"""Durations: read from options such as `2h`, and written for people."""

from __future__ import annotations

import re

from lm_eval_hesnr.errors import InputError

_SECONDS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


def seconds_of(given: str, option: str) -> float:
    """The seconds that a text such as `90`, `90s`, `10m`, `2h` or `1d` means.

    Raises:
        InputError: it is not a duration.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", given.strip().lower())
    if not found or found[2] not in _SECONDS:
        raise InputError(f"{option} {given}: expected a duration, such as 90s, 10m, 2h or 1d")
    return float(found[1]) * _SECONDS[found[2]]


def duration(seconds: float) -> str:
    """The duration as `12 s`, `3 min` or `2 h 5 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
