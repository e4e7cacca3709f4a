"""Checks of a whole run before the harness makes the model, and a lock that lets one run in a process score at a time.

The harness makes the model first and builds the tasks later. Only `simple_evaluate` knows everything: the tasks, the
model, the metadata, and all options. The command line, `--config` files, launchers and library code call it. So it is
the place for the checks.
"""

from __future__ import annotations

import functools
import inspect
import logging
import os
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lm_eval.api.group import Group
from lm_eval.tasks import TaskManager
from lm_eval.utils import sanitize_model_name, simple_parse_args_string

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import check_writable
from lm_eval_hesnr.harness.flags import refuse_doubled, refuse_flags, refuse_samples, without_effect
from lm_eval_hesnr.harness.models import refuse_stock_model, refuse_unknown_model, refuse_without_logits
from lm_eval_hesnr.harness.own_tasks import RequestedTask, is_our_class, requested_tasks, tasks_of
from lm_eval_hesnr.messages.characters import accept_every_character

eval_logger = logging.getLogger("lm_eval.hesnr")

_DATE = "2026-11-29T12-00-00.000000"
"""As long as the time that the harness appends to the names of its files."""

_one_run = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_one_run._at_fork_reinit)  # type: ignore[attr-defined]


def checked_simple_evaluate(original: Callable[..., Any], task_folder: str, models: Collection[str]) -> Any:
    """`simple_evaluate` of the harness, which first checks runs that ask for one of our tasks.

    The tasks that are built for the checks are handed to the harness, so their trajectories are read once.

    Args:
        original: the harness's function.
        task_folder: the folder with our tasks.
        models: the names of our models.
    """
    signature = inspect.signature(original)
    defaults = {name: parameter.default for name, parameter in signature.parameters.items()}

    @functools.wraps(original)
    def simple_evaluate(*args: Any, **kwargs: Any) -> Any:
        try:
            signature.bind(*args, **kwargs)
        except TypeError:  # the harness has its own error
            return original(*args, **kwargs)
        given = dict(zip(defaults, args, strict=False)) | kwargs
        if isinstance(given.get("tasks"), Iterator):  # it can be read only once
            given["tasks"] = list(given["tasks"])
            args, kwargs = (), given
        try:
            if isinstance(given.get("model"), str):
                refuse_unknown_model(given["model"], models)
            run = _Run(given, task_folder)
        except InputError:
            raise
        except Exception as error:
            if _may_be_ours(given, models):
                _log_without_checks("swe_hesnr", error)
            return original(*args, **kwargs)
        if not run.our_names:
            return original(*args, **kwargs)
        accept_every_character()  # the harness prints a table with arrows after all scoring
        with _one_run_at_a_time(run.our_names):
            try:
                given = run.checked(defaults)
            except InputError:
                raise
            except Exception as error:
                _log_without_checks(", ".join(run.our_names), error)
            return original(**given)

    return simple_evaluate


def checked_arguments(given: Mapping[str, Any], models: Collection[str]) -> dict[str, Any]:
    """The arguments of a call of `simple_evaluate` after its checks, with our tasks built.

    Args:
        given: the arguments, with a task manager.
        models: the names of our models.

    Raises:
        InputError: the run cannot end well.
    """
    from lm_eval.evaluator import simple_evaluate  # at the top, it would import this module a second time

    refuse_unknown_model(given["model"], models)
    run = _Run(given, "")
    defaults = {name: one.default for name, one in inspect.signature(simple_evaluate).parameters.items()}
    return run.checked(defaults) if run.our_names else dict(given)


def _may_be_ours(given: Mapping[str, Any], models: Collection[str]) -> bool:
    """Whether a run may be ours, seen only from the names of its model and its tasks."""
    return str(given.get("model")) in models or "hesnr" in repr(given.get("tasks"))


def _log_without_checks(names: str, error: Exception) -> None:
    """Say that a run is not checked. A run that could end well is not stopped: the harness may have other functions."""
    eval_logger.warning("%s: the checks before the model failed (%r); the run goes on without them", names, error)


def checked_evaluate(original: Callable[..., Any]) -> Any:
    """`evaluate` of the harness, which refuses stock models for our tasks before any task is run."""

    @functools.wraps(original)
    def evaluate(*args: Any, **kwargs: Any) -> Any:
        lm, tasks = [*args, *(kwargs.get(name) for name in ("lm", "task_dict")[len(args) :])][:2]
        ours = [task for task in tasks_of(tasks) if is_our_class(type(task))]
        if not ours:
            return original(*args, **kwargs)
        refuse_stock_model(lm)
        _separate_token_tables(ours)
        with _one_run_at_a_time([str(task.task_name) for task in ours]):
            return original(*args, **kwargs)

    return evaluate


class _Run:
    """The arguments of one call of `simple_evaluate`."""

    def __init__(self, given: Mapping[str, Any], task_folder: str) -> None:
        tasks = given.get("tasks") or []
        self.given = dict(given)
        is_one = isinstance(tasks, (str, Mapping, Group)) or not isinstance(tasks, Iterable)
        self.specs: list[Any] = [tasks] if is_one else list(tasks)
        # without a manager of the user, only the names in our own folder can be ours
        manager = given.get("task_manager") or TaskManager(include_defaults=False, include_path=task_folder)
        self.requested = [list(requested_tasks(spec, manager.task_index)) for spec in self.specs]

    @property
    def our_names(self) -> list[str]:
        """The names of the tasks that are ours, also inside groups and tags."""
        return list(dict.fromkeys(task.name for tasks in self.requested for task in tasks if task.is_ours))

    @property
    def model_args(self) -> dict[str, Any]:
        """The arguments of a model that the harness makes."""
        arguments = self.given.get("model_args") if isinstance(self.given.get("model"), str) else None
        return simple_parse_args_string(arguments) if isinstance(arguments, str) else dict(arguments or {})

    def checked(self, defaults: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments for the harness, with task objects where it could not build them better itself.

        Raises:
            InputError: the run cannot end well.
        """
        if isinstance(self.given.get("model"), str):
            refuse_stock_model(self.given["model"])
        refuse_flags(self.given)
        refuse_doubled(self.model_args, self.given, defaults)
        self._check_output()
        manager = self.given.get("task_manager")
        if manager is None:  # as `simple_evaluate` makes it
            manager = TaskManager(metadata=self.model_args | (self.given.get("metadata") or {}))
        self._check_names((manager.metadata or {}) | (self.given.get("metadata") or {}))
        tasks, ours = [], []
        for spec, requested in zip(self.specs, self.requested, strict=True):
            are_ours = [task.is_ours for task in requested]
            built = _build(manager, spec) if any(are_ours) else [spec]
            ours += [task for task in tasks_of(built) if is_our_class(type(task))]
            # Tasks of others are built by the harness, after it has set the seeds.
            tasks += built if all(are_ours) else [spec]
        self._check_tasks(ours, manager)
        if useless := without_effect(self.given, defaults):
            eval_logger.info("%s: no effect on these tasks: %s", ", ".join(t.task_name for t in ours), useless)
        return self.given | {"tasks": tasks, "task_manager": manager}

    def _check_output(self) -> None:
        output = getattr(self.given.get("evaluation_tracker"), "output_path", None)
        if not output:
            return
        if not isinstance(output, (str, os.PathLike)):
            raise InputError(f"--output_path {output!r:.60}: expected a path as text; write it in quotes")
        path, option = Path(output), f"--output_path {output}"
        names = [f"samples_{task.name}_{_DATE}.jsonl" for tasks in self.requested for task in tasks]
        if path.suffix == ".json":  # as `EvaluationTracker.save_results_aggregated`
            check_writable(path.parent, option, [f"{path.stem}_{_DATE}.json", *names])
        else:
            keys = ("peft", "delta", "pretrained", "model")
            model = next((str(self.model_args[key]) for key in keys if key in self.model_args), "model")
            check_writable(path / sanitize_model_name(model), option, names)

    def _check_names(self, metadata: Mapping[str, Any]) -> None:
        """Refuse a name with two configurations, of which the harness would keep one. Log what `metadata` replaces."""
        ours = [task for tasks in self.requested for task in tasks if task.is_ours]
        first: dict[str, RequestedTask] = {}
        for task in ours:
            if first.setdefault(task.name, task).changes != task.changes:
                raise InputError(
                    f"--tasks: {task.name} is requested with two different configurations, and the harness would keep "
                    "only one; give each a name of its own in a YAML file, as in examples/suite"
                )
        replaced = [f"{task.name} ({task.trajectories})" for task in first.values() if task.trajectories is not None]
        if replaced and metadata.get("trajectories") is not None:
            eval_logger.warning(
                "--metadata trajectories=%s replaces the trajectories of %s",
                metadata["trajectories"],
                ", ".join(replaced),
            )

    def _check_tasks(self, ours: list[Any], manager: TaskManager) -> None:
        n_documents = {}
        for task in ours:
            if task.options.temperatures:
                refuse_without_logits(str(self.given.get("model")), "--metadata temperatures=true")
            task.prepare(  # a manager of the user does not know the model's arguments
                apply_chat_template=bool(self.given.get("apply_chat_template")), model_args=self.model_args
            )
            n_documents[task.task_name] = len(task.test_docs())
        _separate_token_tables(ours)
        if self.given.get("samples") is not None:
            in_run = {task.name for spec in self.specs for task in requested_tasks(spec, manager.task_index)}
            refuse_samples(self.given["samples"], n_documents, manager.all_tasks, in_run)


def _separate_token_tables(ours: list[Any]) -> None:
    """Give each task a folder of its own for its token tables, if there are several: their files have equal names."""
    if len({task.task_name for task in ours}) > 1:
        for task in ours:
            task.use_own_table_folder()


def _build(manager: TaskManager, spec: Any) -> list[Any]:
    """What the harness builds from one item of `tasks`: a group, or one or more tasks."""
    found = manager.load([spec])
    inside = {name for group in found["groups"].values() for name in group.child_names}
    return [group for name, group in found["groups"].items() if name not in inside] or list(found["tasks"].values())


@contextmanager
def _one_run_at_a_time(names: Sequence[str]) -> Iterator[None]:
    """Wait until no other thread runs our tasks: the harness and transformers share seeds and settings."""
    if not _one_run.acquire(blocking=False):
        eval_logger.info("%s: waits for the end of another run in this process", ", ".join(names))
        _one_run.acquire()
    try:
        yield
    finally:
        _one_run.release()
