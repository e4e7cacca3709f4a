"""What scoring logs about its requests: long trajectories, empty ones, and what the score store had."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from lm_eval_hesnr.messages.counts import counted, first_names
from lm_eval_hesnr.models.cost import Reading
from lm_eval_hesnr.models.window_request import EncodedTrajectory
from lm_eval_hesnr.scoring.request import TrajectoryResult
from lm_eval_hesnr.scoring.store import ScoreStore

eval_logger = logging.getLogger("lm_eval.hesnr")


def log_cost(model: Any, requests: Sequence[Any], encoded: Sequence[EncodedTrajectory]) -> None:
    """Log what a run costs, before anything is scored: its tokens, and the memory of the model.

    Args:
        model: the `TrajectoryModel` that scores them.
        requests: one per trajectory.
        encoded: their tokens and windows.
    """
    tasks = ", ".join(dict.fromkeys(str(request.task_name) for request in requests))
    reading = Reading.of(encoded)
    size = model.size(reading.longest)
    by = f" by rank {model.rank} of {model.world_size}" if model.world_size > 1 else ""
    eval_logger.info("%s, %s: %s%s%s", tasks, model.model_name, reading, by, "" if size is None else f"; {size}")


def log_lengths(model: Any, requests: Sequence[Any], encoded: Sequence[EncodedTrajectory]) -> None:
    """Log for each task how many trajectories are too long for one window, and which have no token to score.

    Args:
        model: the `TrajectoryModel` that scores them.
        requests: one per trajectory.
        encoded: their tokens and windows.
    """
    for task in dict.fromkeys(request.task_name for request in requests):
        own = [i for i, request in enumerate(requests) if request.task_name == task]
        windowed = sum(len(encoded[i].plan) > 1 for i in own)
        if windowed:
            eval_logger.info(
                "%s, %s: windows for %d of %s (context %d tokens, stride %d)",
                task, model.model_name, windowed, counted(len(own), "trajectory"), model.window, model.stride,
            )  # fmt: skip
        empty = [str(requests[i].doc.get("id", i)) for i in own if not encoded[i].plan]
        if empty:
            eval_logger.warning(
                "%s, %s: no token to score, only context, in %d of %s: %s",
                task, model.model_name, len(empty), counted(len(own), "trajectory"), first_names(empty),
            )  # fmt: skip


def log_store(model: Any, store: ScoreStore, requests: Sequence[Any], results: Sequence[TrajectoryResult]) -> None:
    """Log how many trajectories the store had, and note in the results if scores could not be stored.

    Args:
        model: the `TrajectoryModel` that has scored them.
        store: its score store.
        requests: one per trajectory.
        results: one per trajectory.
    """
    tasks = ", ".join(dict.fromkeys(str(request.task_name) for request in requests))
    by = f" by rank {model.rank} of {model.world_size}" if model.world_size > 1 else ""
    eval_logger.info(
        "%s, %s: score store %s: %d of %s read, %d scored%s", tasks, model.model_name, model.score_store,
        store.n_read, counted(len(results), "trajectory"), len(results) - store.n_read, by,
    )  # fmt: skip
    if store.failure:
        for result in results:
            result.notes = (store.failure,)
