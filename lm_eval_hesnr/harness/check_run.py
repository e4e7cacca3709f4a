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

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.harness.before_model import checked_arguments
from lm_eval_hesnr.harness.own_tasks import is_our_class, tasks_of

_OF_THE_CALLER = ("config", "model", "model_args", "tasks", "output_path", "metadata")
"""Options that stand in the configuration file."""


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


def tasks_of_run(config: Path, words: Sequence[str], models: Collection[str]) -> list[Any]:
    """Our tasks of `lm_eval run --config CONFIG WORDS`, with their trajectories, after all checks before the model.

    Args:
        config: the configuration file.
        words: further options.
        models: the names of our models.

    Raises:
        InputError: the run cannot end well.
    """
    with contextlib.redirect_stdout(io.StringIO()):  # the harness prints the configuration
        namespace = HarnessCLI()._parser.parse_args(["run", "--config", str(config), *words])
        given = EvaluatorConfig.from_cli(namespace)
    try:
        manager = given.process_tasks(given.metadata)
    except ValueError as error:
        raise InputError(f"--tasks {','.join(given.tasks)}: {' '.join(str(error).split())}") from error
    arguments = {
        "model": given.model,
        "model_args": given.model_args,
        "tasks": given.tasks,
        "limit": given.limit,
        "samples": given.samples,
        "use_cache": given.use_cache,
        "check_integrity": given.check_integrity,
        "predict_only": given.predict_only,
        "system_instruction": given.system_instruction,
        "apply_chat_template": given.apply_chat_template,
        "task_manager": manager,
        "metadata": given.metadata,
    }
    checked = checked_arguments(arguments, models)
    return [task for task in tasks_of(checked["tasks"]) if is_our_class(type(task))]
