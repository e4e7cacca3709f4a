"""Curves over training in an experiment tracker: Trackio, MLflow or Weights & Biases, each an extra of this package.

All runs of an export become one run of the tracker, in the order of their steps.
"""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.messages.counts import counted
from lm_eval_hesnr.results.export.exported_run import ExportedRun
from lm_eval_hesnr.results.export.request import Request

TRACKERS = ("trackio", "mlflow", "wandb")


class Point(NamedTuple):
    """The values of one checkpoint."""

    step: int
    """The step of training. If the step of any run is not known, the runs of each task are numbered from 0."""
    values: Mapping[str, float]
    """`hesnr/<measure>/<scope>` to value; `hesnr/<task>/<measure>/<scope>` if there are several tasks. Missing values
    are left out."""


def send(request: Request, tracker: str, project: str) -> str:
    """Send every value to a tracker; return a line that says what was sent.

    Args:
        request: what to export.
        tracker: a name of `TRACKERS`.
        project: the project, or the experiment of MLflow.

    Raises:
        InputError: the tracker is not installed, or it refuses the values.
    """
    try:
        client = importlib.import_module(tracker)
    except ImportError as error:
        raise InputError(f"--to {tracker}: it is not installed; run pip install 'lm_eval_hesnr[{tracker}]'") from error
    found = list(points(request))
    try:
        _SENDERS[tracker](client, found, project, _settings(request.runs))
    except Exception as error:  # each client has errors of its own
        raise InputError(f"--to {tracker}: {type(error).__name__}: {error}") from error
    return f"{tracker}: {counted(len(found), 'run')} sent as one run of {project}"


def points(request: Request) -> Iterator[Point]:
    """One point per run, in ascending order of steps."""
    runs = list(request.runs)
    has_steps = all(run.step is not None for run in runs)
    has_tasks = len({run.task for run in runs}) > 1
    n_earlier: Counter[str] = Counter()
    steps = []
    for run in runs:
        steps.append(run.step if run.step is not None and has_steps else n_earlier[run.task])
        n_earlier[run.task] += 1
    for step, run in sorted(zip(steps, runs, strict=True), key=lambda pair: pair[0]):
        prefix = f"hesnr/{run.task}" if has_tasks else "hesnr"
        yield Point(
            step,
            {
                f"{prefix}/{found.measure}/{found.scope}": found.value
                for found in request.every_value(run)
                if found.value is not None
            },
        )


def _settings(runs: Sequence[ExportedRun]) -> dict[str, str]:
    """The settings of the runs. If they have different ones, all of them are named."""
    names = ("k", "epsilon", "threshold", "render", "label_rules", "trajectories", "dtype", "tokenizer")
    each = [{"task": run.task, **{name: run.setting(name) for name in names}} for run in runs]
    return {name: ", ".join(dict.fromkeys(one[name] for one in each)) for name in each[0]}


def _send_to_trackio(client: Any, found: list[Point], project: str, settings: dict[str, str]) -> None:
    client.init(project=project, config=settings)
    for point in found:
        client.log(dict(point.values), step=point.step)
    client.finish()


def _send_to_mlflow(client: Any, found: list[Point], project: str, settings: dict[str, str]) -> None:
    client.set_experiment(project)
    with client.start_run():
        client.log_params(settings)
        for point in found:
            client.log_metrics(dict(point.values), step=point.step)


def _send_to_wandb(client: Any, found: list[Point], project: str, settings: dict[str, str]) -> None:
    with client.init(project=project, config=settings) as run:
        # with `step=`, W&B drops a point whose step is smaller than that of the point before
        run.define_metric("hesnr/step")
        run.define_metric("hesnr/*", step_metric="hesnr/step")
        for point in found:
            run.log({"hesnr/step": point.step, **point.values})


_SENDERS = {"trackio": _send_to_trackio, "mlflow": _send_to_mlflow, "wandb": _send_to_wandb}
