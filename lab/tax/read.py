"""What a model says about trajectories: the sums of each group of them, and calibrated he_snr without each group.

The groups are the units of the paired intervals. A sum of totals gives every measure without a group. The calibrated
he_snr is no function of such sums, so that its values without each group are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lab.before_after import SET_COLUMNS, Decided, line, on_set, parts, ranks
from lab.predict.layout import digest
from lab.scoring import rounded, token_scores
from lab.tax.plan import GROUPS
from lm_eval_hesnr.labels import SCOPES
from lm_eval_hesnr.metrics.calibration import Calibration, calibrated
from lm_eval_hesnr.metrics.edges import EPSILON
from lm_eval_hesnr.metrics.measures import totals
from lm_eval_hesnr.metrics.profile import EntropyProfile
from lm_eval_hesnr.metrics.temperatures import ByTemperature, pooled_temperatures
from lm_eval_hesnr.results.documents import COLUMNS, totals_line
from lm_eval_hesnr.scoring.token_scores import TokenScores

SCOPE = "action"


def scored(model: Path, trajectories: Path | None) -> list[TokenScores]:
    """The scores of all trajectories, in the order of the digests of their tokens."""
    found = token_scores(model, trajectories, metadata={"score": SCOPE, "temperatures": True})
    return sorted(found, key=lambda one: one.digest)


def reading_of(scores: Sequence[TokenScores], before: Sequence[Decided]) -> dict[str, Any]:
    """The reading of trajectories that are in order. lab/readings/README.md describes it.

    Args:
        scores: with `temperatures`, at least one trajectory in each half of each group.
        before: of the same trajectories, before fine-tuning.

    Raises:
        ValueError: `before` has other trajectories.
    """
    if [one.digest for one in scores] != [one.digest for one in before]:
        raise ValueError("before and after fine-tuning, the trajectories must be the same, in the same order")
    profiles = [one.profile(one.in_scope(SCOPES[SCOPE]), EPSILON) for one in scores]
    cells = _cells([profile.temperatures for profile in profiles])
    whole = _calibrated(cells)
    pairs = list(zip(before, scores, strict=True))
    without = [_calibrated(cells[: 2 * group] + cells[2 * group + 2 :]) for group in range(GROUPS)]
    return {
        "documents_sha256": digest([one.digest for one in scores]),
        "n_documents": len(scores),
        "epsilon": EPSILON,
        "columns": list(COLUMNS),
        "totals": [totals_line(row) for row in _by_group([totals(profile, EPSILON) for profile in profiles])],
        "ranks": [line(row) for row in _by_group([ranks(one, one.scored) for one in scores])],
        "parts": [line(row) for row in _by_group([parts(*pair) for pair in pairs])],
        "set_columns": list(SET_COLUMNS),
        "set": [line(row) for row in _by_group([on_set(*pair) for pair in pairs])],
        "calibrated_he_snr": rounded(whole.estimate.value),
        "calibrated_without": [rounded(one.estimate.value) for one in without],
        "temperatures": [rounded(one) for one in whole.temperatures],
        "calibrated_loss": rounded(_calibrated_loss(pooled_temperatures(cells), profiles)),
    }


def _cells(documents: Sequence[ByTemperature]) -> list[ByTemperature]:
    """Two for each group: trajectory i is in cell i mod 2 GROUPS.

    Cell and trajectory belong to the same half, so that the calibrated he_snr of the cells is that of the trajectories.
    """
    return [pooled_temperatures(documents[cell :: 2 * GROUPS]) for cell in range(2 * GROUPS)]


def _calibrated(cells: Sequence[ByTemperature]) -> Calibration:
    return calibrated(cells, [f"{i:03}" for i in range(len(cells))], EPSILON)


def _calibrated_loss(pooled: ByTemperature, profiles: Sequence[EntropyProfile]) -> float:
    """The smallest mean -logprob over the temperatures of the finer grid, in nats per token."""
    return float(pooled.sums[0].min() / sum(profile.sums[:, 0].sum() for profile in profiles))


def _by_group(rows: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The sum over the trajectories of each group."""
    return [np.sum([*rows[2 * i :: 2 * GROUPS], *rows[2 * i + 1 :: 2 * GROUPS]], axis=0) for i in range(GROUPS)]
