"""One job."""

from dataclasses import dataclass
from typing import Any


@dataclass(eq=False)
class Job:
    """Something to do: the name of a handler and what to hand to it."""

    task: str
    payload: Any
    priority: int
    due: float
    retries: int
    failures: int = 0
    error: str = ""
