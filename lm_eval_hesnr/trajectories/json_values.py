"""Values of decoded JSON, which may have any type: the value if it has the right type, otherwise an empty one."""

from __future__ import annotations

from typing import Any


def text_of(content: Any) -> str:
    """The text of a message's content: a string, or the text parts of a list of parts; empty for anything else."""
    if isinstance(content, list):
        return "".join(text_of(part.get("text")) if isinstance(part, dict) else text_of(part) for part in content)
    return content if isinstance(content, str) else ""


def dict_of(value: Any) -> dict[str, Any]:
    """The value if it is an object, otherwise an empty one."""
    return value if isinstance(value, dict) else {}


def list_of(value: Any) -> list[Any]:
    """The value if it is a list, otherwise an empty one."""
    return value if isinstance(value, list) else []
