"""A correlation as plain data, for JSON. Missing numbers are None."""

from __future__ import annotations

import math
from typing import Any

from lm_eval_hesnr.results.correlate.correlation import Correlation, Given, Row
from lm_eval_hesnr.results.correlate.differences import Difference
from lm_eval_hesnr.results.correlate.sentences import cautions, headline

FORMAT, VERSION = "hesnr-correlation", 1


def correlation_data(found: Correlation) -> dict[str, Any]:
    """Everything that the text says, and each checkpoint."""
    points = found.points
    return {
        "format": FORMAT,
        "version": VERSION,
        "seed": points.seed,
        "design": points.design,
        "answers": headline(found),
        "cautions": cautions(found),
        "no_statistics": found.no_statistics,
        "no_differences": found.no_differences,
        "no_p_values": found.no_p_values,
        "permutations": found.ways,
        "checkpoints": [_checkpoint(found, i) for i in range(len(points.scores))],
        "measures": [_row(row) for row in found.rows],
        "differences": [_difference(one) for one in found.differences],
        "given": [_given(one) for one in found.given],
        "predictions": [
            {"predictor": one.label, "rmse_checkpoint": one.checkpoint, "rmse_family": one.family}
            for one in found.predictions
        ],
    }


def _checkpoint(found: Correlation, i: int) -> dict[str, Any]:
    points, score = found.points, found.points.scores[i]
    return {
        "checkpoint": score.checkpoint,
        "source": str(points.runs[i].source),
        "family": score.family,
        "step": score.order,
        "passed": int(points.passed[i]),
        "trials": int(points.trials[i]),
        "seeds": len(score.passed),
        "logit": float(points.y[i]),
        "values": {row.predictor.label: _known(float(row.predictor.values[i])) for row in found.rows},
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "measure": row.predictor.label,
        "reason": row.reason,
        "pearson": row.pearson and row.pearson._asdict(),
        "spearman": row.spearman and row.spearman._asdict(),
        "kendall_tau": row.tau,
        "decision_accuracy": row.decisions and row.decisions._asdict(),
        "clear_pairs": row.resolvable and row.resolvable._asdict(),
        "regret": row.regret,
        "signal_to_noise": row.signal_to_noise,
        "r_smoothed": row.r_smoothed,
        "r_within": dict(row.within),
        "noise": row.noise and row.noise._asdict(),
        "r_if_exact": row.r_if_exact,
        "r_without_step": row.without_step,
        "p_value": row.p_value,
        "p_value_max_t": row.max_p_value,
    }


def _difference(one: Difference) -> dict[str, Any]:
    return {
        "measure": one.label,
        "rival": one.rival,
        "r": one.r,
        "r_rival": one.r_rival,
        "r_between": one.r_between,
        "turned": list(one.turned),
        "reason": one.reason,
        "gain": one.gain,
        "answer": one.answer,
        "test": one.test and one.test._asdict(),
        "p_value_after_holm": one.p_value,
        "comparisons": one.comparisons,
        "if_independent": one.if_independent and one.if_independent._asdict(),
    }


def _given(one: Given) -> dict[str, Any]:
    return {
        "measure": one.label,
        "given": one.rival,
        "partial": one.measure and one.measure._asdict(),
        "split_half_control": one.control and one.control._asdict(),
        "above_control": one.above_control,
    }


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
