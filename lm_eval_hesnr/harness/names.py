"""Hints about misspelt names of our tasks and models."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.messages.near import nearest

eval_logger = logging.getLogger("lm_eval.hesnr")

_SIMILAR = 0.8
"""The least similarity of two names, from 0 to 1, for a hint."""


def refuse_misspelt(names: Iterable[object], known: Iterable[str], ours: Collection[str], flag: str) -> None:
    """Refuse the first name that does not exist if the most similar known name is one of ours.

    All other wrong names are left to the harness, which has its own errors for them.

    Args:
        names: the names that the user gave. Globs and existing paths are not checked.
        known: every name that exists.
        ours: the names of this package.
        flag: the option of the command line, for the message.

    Raises:
        InputError: a name is misspelt.
    """
    known = set(known)
    wrong = [name for name in names if isinstance(name, str) and name not in known and not _is_glob_or_path(name)]
    # if several names are equal in their plain form, the last one stays: one of ours
    by_plain_name = {_plain(one): one for one in sorted(known, key=lambda one: (one in ours, one))} if wrong else {}
    for name in wrong:
        near = nearest(_plain(name), by_plain_name, cutoff=_SIMILAR)
        if near and by_plain_name[near] in ours:
            raise InputError(f"{flag} {name}: no such name; did you mean {by_plain_name[near]}?")


def hinting_match_tasks(original: Callable[..., list[str]], task_folder: str) -> Any:
    """`TaskManager.match_tasks` of the harness, which refuses a misspelt name of ours with the right name.

    Args:
        original: the harness's method.
        task_folder: the folder with our tasks.
    """

    @functools.wraps(original)
    def match_tasks(self: Any, task_list: list[str]) -> list[str]:
        try:
            ours = _names_in(self.task_index, Path(task_folder))
            if ours:
                refuse_misspelt(task_list, self.all_tasks, ours, "--tasks")
        except InputError:
            raise
        except Exception as error:  # the names of others must be found in any case
            eval_logger.debug("no hint at task names: %r", error)
        return original(self, task_list)

    return match_tasks


def _names_in(index: Mapping[str, Any], folder: Path) -> set[str]:
    """The names of the tasks and groups in a folder, and of the tags that only they have."""
    names = {name for name, entry in index.items() if entry.yaml_path and folder in Path(entry.yaml_path).parents}
    return names | {name for name, entry in index.items() if not entry.yaml_path and entry.tags and entry.tags <= names}


def _is_glob_or_path(name: str) -> bool:
    return bool(set(name) & set("*?[")) or Path(name).exists()


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")
