"""Tasks that need one another."""

from chores.errors import ChoresError
from chores.graph import plan, waves
from chores.loader import load, loads
from chores.task import Task

__all__ = ["ChoresError", "Task", "load", "loads", "plan", "waves"]
