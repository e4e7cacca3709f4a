"""A checkpoint reads trajectories: the harness runs the task `swe_hesnr`, as a user would run it."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lm_eval_hesnr.results.token_tables import folder_with_tables, read_scores
from lm_eval_hesnr.scoring.statistics import Extras
from lm_eval_hesnr.scoring.token_scores import TokenScores

TASK = "swe_hesnr"
_NOTHING: Mapping[str, Any] = {}


def evaluate(
    model: Path,
    trajectories: Path | None,
    *,
    metadata: Mapping[str, Any] = _NOTHING,
    model_args: Mapping[str, Any] = _NOTHING,
) -> dict[str, Any]:
    """What `simple_evaluate` returns, without samples.

    Args:
        model: the folder of the checkpoint.
        trajectories: a file; None for the resolved runs of the embedded sample set.
        metadata: options of the task, such as {"k": 20}.
        model_args: next to the folder and `dtype=float32`, such as {"max_length": 512}.
    """
    from lm_eval_hesnr import plugin

    plugin.install()
    import lm_eval
    from lm_eval.tasks import TaskManager

    arguments = {"pretrained": str(model), "dtype": "float32", **model_args}
    options: dict[str, Any] = {**arguments, **metadata}
    if trajectories is not None:
        options["trajectories"] = str(trajectories)
    manager = TaskManager(include_defaults=False, include_path=plugin.task_folder(), metadata=options)
    found: dict[str, Any] = lm_eval.simple_evaluate(
        "hf-topk", arguments, [TASK], task_manager=manager, device="cpu", log_samples=False, bootstrap_iters=0
    )
    return found


def token_scores(
    model: Path,
    trajectories: Path | None,
    *,
    metadata: Mapping[str, Any] = _NOTHING,
    model_args: Mapping[str, Any] = _NOTHING,
) -> list[TokenScores]:
    """The scores of every token that counts, one element per trajectory, in the order of the task's documents.

    The arguments are those of `evaluate`. With `temperatures` or `candidates` in metadata, the scores have these
    columns too. In HE-SNR of a scope, only the tokens with its labels count (`lm_eval_hesnr.labels.SCOPES`).
    """
    extras = Extras(temperatures=bool(metadata.get("temperatures")), candidates=bool(metadata.get("candidates")))
    with tempfile.TemporaryDirectory(prefix="hesnr-lab-") as folder:
        evaluate(model, trajectories, metadata={**metadata, "token_table": folder}, model_args=model_args)
        read = [read_scores(path, extras) for path in folder_with_tables(Path(folder)).glob("*.parquet")]
    return [scores for _, _, scores in sorted(read, key=lambda one: one[0] or 0)]


def rounded(value: float | None) -> float | None:
    """Seven significant digits; None if the value is missing, or no finite number."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.7g}")
