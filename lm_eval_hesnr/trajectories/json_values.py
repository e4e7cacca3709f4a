"""Values of decoded JSON, which may be of any type: each is taken as what it should be, or as nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def text_of(content: Any) -> str:
    """A message's text: a string, or the text parts of a list of parts; nothing for null."""
    if isinstance(content, list):
        return "".join(text_of(part.get("text")) if isinstance(part, dict) else text_of(part) for part in content)
    return content if isinstance(content, str) else ""


def dict_of(value: Any) -> dict[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def list_of(value: Any) -> list[Any]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def json_of(path: Path, needle: bytes = b"") -> Any:
    """What a file holds as one JSON value; nothing where there is none, or where the needle is not in it."""
    try:
        content = path.read_bytes()
        return json.loads(content) if needle in content else None
    except (OSError, ValueError, RecursionError):
        return None
