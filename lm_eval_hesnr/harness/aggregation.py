"""Two functions of the harness, extended: a measure with its own standard error, and a group with a missing value.

The harness looks up the standard error of an aggregation function in its own list (`stderr_for_metric`), and writes
"N/A" for every other function. A task cannot add to the list. If it returns the standard error as a further measure,
then the harness also writes a standard error of the standard error. So the lookup is extended: it accepts an
`Aggregation`. The released harness (0.4.13) and its main branch both use this lookup.

The harness averages the measures of a group's tasks with `aggregate_subtask_metrics`, which raises a TypeError if one
task has no value. Then all results of the run would be lost. The extended function returns None.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, update_wrapper
from typing import Any

from lm_eval.api import metrics


@dataclass(frozen=True)
class Aggregation:
    """An aggregation function for the harness, and the function for its standard error. Both get one item per document.

    The harness prints a standard error only if it is a float or "N/A", its own word for a missing one.
    """

    value: Callable[[list[Any]], float | None]
    stderr: Callable[[list[Any]], float | str]

    def __call__(self, items: list[Any]) -> float | None:
        """The value; None if there is no number."""
        return self.value(items)


def extend_harness() -> None:
    """Extend both functions, wherever the harness has imported them. A second call changes nothing."""
    for name, extended in (("stderr_for_metric", _stderr_for_metric), ("aggregate_subtask_metrics", _average)):
        original = getattr(metrics, name)
        if isinstance(original, partial):
            continue
        replacement = update_wrapper(partial(extended, original), original)
        for module in list(sys.modules.values()):
            if getattr(module, "__name__", "").startswith("lm_eval.") and vars(module).get(name) is original:
                setattr(module, name, replacement)


def _stderr_for_metric(original: Callable[..., Any], metric: Any, bootstrap_iters: int) -> Any:
    """The function for the standard error. As for all tasks, there is none if `bootstrap_iters` is 0."""
    if isinstance(metric, Aggregation) and bootstrap_iters > 0:
        return metric.stderr
    return original(metric=metric, bootstrap_iters=bootstrap_iters)


def _average(original: Callable[..., Any], metrics: Sequence[Any], *args: Any, **kwargs: Any) -> Any:
    return None if None in metrics else original(metrics, *args, **kwargs)
