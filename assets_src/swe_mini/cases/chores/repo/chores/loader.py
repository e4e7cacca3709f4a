"""Tasks from a TOML file."""

import tomllib

from chores.errors import ChoresError
from chores.task import Task

_FIELDS = {"command", "needs", "priority"}


def load(path):
    """The tasks in a file, by name, in the order of the file."""
    with open(path, encoding="utf-8") as file:
        return loads(file.read())


def loads(text):
    """The tasks in a TOML text, by name."""
    tasks = {}
    for name, fields in tomllib.loads(text).get("tasks", {}).items():
        unknown = fields.keys() - _FIELDS
        if unknown:
            raise ChoresError(f"task {name}: unknown field {', '.join(sorted(unknown))}")
        if "command" not in fields:
            raise ChoresError(f"task {name}: has no command")
        tasks[name] = Task(name, fields["command"], tuple(fields.get("needs", ())), fields.get("priority", 0))
    return tasks
