"""The checks of `lm_eval run` before a model is made, without a model: for a caller that will run it many times."""

from __future__ import annotations

import argparse
import contextlib
import io
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from lm_eval._cli.harness import HarnessCLI
from lm_eval.config.evaluate_config import EvaluatorConfig
from lm_eval.tasks import TaskManager

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.harness.before_model import checked_arguments
from lm_eval_hesnr.harness.flags import SET_BY_HARNESS
from lm_eval_hesnr.harness.models import refuse_missing_model, refuse_unknown_model
from lm_eval_hesnr.harness.own_tasks import is_our_class, tasks_of
from lm_eval_hesnr.messages.near import did_you_mean

_OF_THE_CALLER = ("config", "model", "model_args", "tasks", "output_path", "metadata")
"""Options that stand in the configuration file."""

_REFUSABLE = ("use_cache", "check_integrity", "predict_only", "system_instruction", "apply_chat_template")
"""Options that a run of our tasks may refuse."""


def further_options(words: Sequence[str]) -> argparse.Namespace:
    """The further options of `lm_eval run`, read by the harness's own parser.

    Raises:
        InputError: an option is unknown or has a wrong value, or it is one of those in the configuration file.
    """
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
            found = HarnessCLI()._parser.parse_args(["run", *words])
    except SystemExit:
        lines = errors.getvalue().strip().splitlines()
        reason = lines[-1].partition("error: ")[2] if lines else "--help has no meaning here"
        raise InputError(f"after --: {reason}; see lm_eval run --help") from None
    if own := [name for name in _OF_THE_CALLER if getattr(found, name, None)]:
        raise InputError(f"after --: --{own[0]} is not possible here; give it to hesnr sweep, before --")
    return found


def tasks_of_run(config: Path, words: Sequence[str], models: Collection[str], task_folder: str) -> list[Any]:
    """Our tasks of `lm_eval run --config CONFIG WORDS`, with their trajectories, after all checks before the model.

    For tasks of others, only their names are checked: the harness needs many seconds to read all its task files.

    Args:
        config: the configuration file.
        words: further options.
        models: the names of our models.
        task_folder: the folder with our tasks.

    Raises:
        InputError: the run cannot end well.
    """
    with contextlib.redirect_stdout(io.StringIO()):  # the harness prints the configuration
        given = EvaluatorConfig.from_cli(HarnessCLI()._parser.parse_args(["run", "--config", str(config), *words]))
    folders = [task_folder, *([given.include_path] if given.include_path else [])]
    manager = TaskManager(include_defaults=False, include_path=folders, metadata=given.metadata)
    files = [name for name in given.tasks if name.endswith(".yaml")]
    ours = {name: manager.match_tasks([name]) for name in given.tasks if name not in files}
    _refuse_unknown_tasks([name for name, found in ours.items() if not found], given.include_path)
    refuse_unknown_model(given.model, models)
    refuse_missing_model(given.model)
    names = [*dict.fromkeys(name for found in ours.values() for name in found), *files]
    if not names:
        return []
    kept = ("model", "model_args", *SET_BY_HARNESS, "limit", "samples", "metadata", *_REFUSABLE)
    arguments = {name: getattr(given, name) for name in kept} | {"tasks": names, "task_manager": manager}
    checked = checked_arguments(arguments, models)
    return [task for task in tasks_of(checked["tasks"]) if is_our_class(type(task))]


def _refuse_unknown_tasks(names: Sequence[str], include_path: str | None) -> None:
    """Refuse names that are not those of a task, a group or a tag of the harness."""
    if not names:
        return
    manager = TaskManager(include_path=include_path)
    for name in names:
        if not manager.match_tasks([name]):
            hint = did_you_mean(name, manager.all_tasks)
            raise InputError(f"--tasks {name}: {hint}lm_eval has no such task; lm_eval ls tasks lists all")
