"""One task."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    name: str
    command: str
    needs: tuple[str, ...] = ()
    priority: int = 0
