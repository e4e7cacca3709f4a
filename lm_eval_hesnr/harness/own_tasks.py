"""Which of the tasks that a user asks for are ours. Nothing is built to find out.

The harness accepts tasks as names of tasks, groups and tags, as paths of YAML files, as configurations, and as objects.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from lm_eval.api.group import Group
from lm_eval.api.task import Task
from lm_eval.tasks._index import Entry, Kind, TaskIndex
from lm_eval.tasks._yaml_loader import load_yaml


def is_our_class(kind: Any) -> bool:
    """Whether a class is our task, or a user's class that extends it."""
    return any(base.__module__ == "lm_eval_hesnr.task" for base in getattr(kind, "__mro__", ()))


class RequestedTask(NamedTuple):
    """One single task behind an item of `tasks`."""

    name: str
    is_ours: bool
    changes: Mapping[str, Any]
    """What the item, or the group that contains it, changes in the task's own configuration."""
    trajectories: Any = None
    """The trajectories in the task's own configuration or in its changes; None if neither names any."""


def requested_tasks(spec: Any, index: Mapping[str, Entry]) -> Iterator[RequestedTask]:
    """Every single task behind one item of `tasks`.

    Args:
        spec: a name, a path, a configuration, or an object of the harness.
        index: all known names, as in `TaskManager.task_index`.
    """
    if isinstance(spec, str):
        entry = index.get(spec) or TaskIndex.entry_from_path(Path(spec))
        yield from () if entry is None else _of_entry(entry, index, {})
    elif isinstance(spec, Group):
        yield from (_of_object(task) for task in spec.get_all_tasks())
    elif isinstance(spec, Task):
        yield _of_object(spec)
    elif isinstance(spec, Mapping):
        name = spec.get("group", spec.get("task"))
        entry = index.get(name) if isinstance(name, str) else None
        yield from _of_config(spec, index) if entry is None else _of_entry(entry, index, spec)


def tasks_of(built: Any) -> Iterator[Task]:
    """Every task object in what the harness builds: a task, a group, or lists and dictionaries of them."""
    if isinstance(built, Group):
        yield from built.get_all_tasks()
    elif isinstance(built, Task):
        yield built
    elif isinstance(built, (list, tuple, Mapping)):
        for item in built.values() if isinstance(built, Mapping) else built:
            yield from tasks_of(item)


def _of_object(task: Task) -> RequestedTask:
    return RequestedTask(str(task.task_name), is_our_class(type(task)), {})


def _of_entry(entry: Entry, index: Mapping[str, Entry], changes: Mapping[str, Any]) -> Iterator[RequestedTask]:
    if entry.kind is Kind.TAG:
        for name in sorted(entry.tags):
            yield from _of_entry(index[name], index, changes) if name in index else ()
    elif entry.kind is Kind.GROUP:
        yield from _of_config(entry.cfg or load_yaml(entry.yaml_path, resolve_func=False), index)
    elif entry.kind is Kind.PY_TASK:
        # the index contains the class as a text; the file gives the class
        own = load_yaml(entry.yaml_path) if entry.yaml_path else entry.cfg or {}
        yield _of_task(entry.name, own, changes)
    else:
        yield RequestedTask(entry.name, False, changes)


def _of_config(config: Mapping[str, Any], index: Mapping[str, Entry]) -> Iterator[RequestedTask]:
    members = config.get("task")
    if isinstance(members, list):
        for member in members:
            yield from requested_tasks(member, index)
    else:
        yield _of_task(str(members), config, {})


def _of_task(name: str, own: Mapping[str, Any], changes: Mapping[str, Any]) -> RequestedTask:
    metadata = {**own, **changes}.get("metadata")
    trajectories = metadata.get("trajectories") if isinstance(metadata, Mapping) else None
    return RequestedTask(name, is_our_class(own.get("class")), changes, trajectories)
