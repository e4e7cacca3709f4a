"""Which of the tasks that a user asks for are ours. Nothing is built to find out.

The harness accepts tasks as names of tasks, groups and tags, as paths of YAML files, as configurations, and as objects.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lm_eval.api.group import Group
from lm_eval.api.task import Task
from lm_eval.tasks._index import Entry, Kind, TaskIndex
from lm_eval.tasks._yaml_loader import load_yaml


def is_our_class(kind: Any) -> bool:
    """Whether a class is our task, or a user's class that extends it."""
    return any(base.__module__ == "lm_eval_hesnr.task" for base in getattr(kind, "__mro__", ()))


def whose_tasks(spec: Any, index: Mapping[str, Entry]) -> Iterator[bool]:
    """For each single task behind one item of `tasks`, whether it is ours.

    Args:
        spec: a name, a path, a configuration, or an object of the harness.
        index: all known names, as in `TaskManager.task_index`.
    """
    if isinstance(spec, str):
        entry = index.get(spec) or TaskIndex.entry_from_path(Path(spec))
        yield from () if entry is None else _of_entry(entry, index)
    elif isinstance(spec, Group):
        yield from (is_our_class(type(task)) for task in spec.get_all_tasks())
    elif isinstance(spec, Task):
        yield is_our_class(type(spec))
    elif isinstance(spec, Mapping):
        yield from _of_config(spec, index)


def tasks_of(built: Any) -> Iterator[Task]:
    """Every task object in what the harness builds: a task, a group, or lists and dictionaries of them."""
    if isinstance(built, Group):
        yield from built.get_all_tasks()
    elif isinstance(built, Task):
        yield built
    elif isinstance(built, (list, tuple, Mapping)):
        for item in built.values() if isinstance(built, Mapping) else built:
            yield from tasks_of(item)


def _of_entry(entry: Entry, index: Mapping[str, Entry]) -> Iterator[bool]:
    if entry.kind is Kind.TAG:
        for name in sorted(entry.tags):
            yield from whose_tasks(name, index)
    elif entry.kind is Kind.GROUP:
        yield from _of_config(entry.cfg or load_yaml(entry.yaml_path, resolve_func=False), index)
    elif entry.kind is Kind.PY_TASK:
        # the index contains the class as a text; the file gives the class
        yield is_our_class((load_yaml(entry.yaml_path) if entry.yaml_path else entry.cfg or {}).get("class"))
    else:
        yield False


def _of_config(config: Mapping[str, Any], index: Mapping[str, Entry]) -> Iterator[bool]:
    members = config.get("task")
    if "class" in config:
        yield is_our_class(config["class"])
    elif not isinstance(members, list):
        yield False
    else:
        for member in members:
            name = member if isinstance(member, str) else member.get("group", member.get("task"))
            yield from whose_tasks(name if name in index else member, index)
