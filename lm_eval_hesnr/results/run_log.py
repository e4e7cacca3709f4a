"""What a run logs at its end: thresholds, a table of the scopes with intervals, and all findings in one block."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from lm_eval_hesnr.messages.counts import counted
from lm_eval_hesnr.metrics.scope_result import ScopeResult
from lm_eval_hesnr.options import DEFAULT_SCOPES
from lm_eval_hesnr.results.diagnosis.finding import Finding
from lm_eval_hesnr.results.diagnosis.findings import findings_of_run
from lm_eval_hesnr.results.run import Run
from lm_eval_hesnr.results.text_table import scopes_table

eval_logger = logging.getLogger("lm_eval.hesnr")


def log_end_of_run(
    task: str, about: Mapping[str, Any], results: Mapping[str, ScopeResult], notes: Iterable[str]
) -> None:
    """Log the end of a run.

    Args:
        task: the task's name.
        about: the part of the task's configuration that `findings.Run` needs.
        results: scope to its result.
        notes: what the model reported about scores that it could not store.
    """
    signature = about["signature"]
    model = signature.get("model", "unknown model")
    estimates = {scope: result.estimates for scope, result in results.items()}
    chosen = [f"{one.threshold:.4f} nats ({scope})" for scope, one in results.items() if one.threshold is not None]
    if signature["threshold"] != "static" and chosen:
        eval_logger.info("%s: threshold %s: %s", task, signature["threshold"], ", ".join(chosen))
    # the harness's table has no intervals, and is sorted by measure; this one is sorted by scope
    if len(results) > len(DEFAULT_SCOPES) or any(row["he_snr"].interval for row in estimates.values()):
        eval_logger.info("%s, %s:", task, model)
        for line in scopes_table(estimates):
            eval_logger.info("  %s", line)
    values = {f"{name},{scope}": one.value for scope, row in estimates.items() for name, one in row.items()}
    findings = [Finding("scores-not-stored", note, "free disk space, and run again") for note in notes]
    findings += findings_of_run(Run("this run", task, values, about))
    if findings:
        eval_logger.warning("%s, %s: %s", task, model, counted(len(findings), "finding"))
    for finding in findings:
        eval_logger.warning("  %s", finding)
