"""The readings of the experiment: the packaged model reads trajectories, and its logits are changed in known ways."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.interventions.__main__ import main as measure_changes
from benchmarks.interventions.changes import EASY_SHARE, UNCHANGED
from benchmarks.interventions.report import Runs, carriers, changed_runs, profiles
from lab.experiment import Made
from lab.provenance import digest_of_weights
from lm_eval_hesnr.assets import EMBEDDED_MODEL
from lm_eval_hesnr.metrics.calibration import calibration
from lm_eval_hesnr.metrics.decomposition import part_totals
from lm_eval_hesnr.metrics.edges import EPSILON
from lm_eval_hesnr.metrics.measures import number_or_none, totals
from lm_eval_hesnr.metrics.profile import pooled
from lm_eval_hesnr.metrics.temperatures import FINE
from lm_eval_hesnr.results.compare.set_of import set_totals
from lm_eval_hesnr.results.documents import COLUMNS, totals_line
from lm_eval_hesnr.scoring.token_scores import TokenScores


def make(folder: Path, trajectories: Path | None) -> Made:
    """Read the trajectories under every change; a killed call is continued.

    Args:
        folder: for the token tables.
        trajectories: a file; None for the resolved embedded runs.
    """
    measure_changes(["--out", str(folder), *(["--trajectories", str(trajectories)] if trajectories else [])])
    digests = json.loads((folder / "run.json").read_text())["trajectories"]
    _, runs, limit = changed_runs(folder, len(digests))
    rows, largest = carriers(runs[UNCHANGED])
    about = {
        "model": "the packaged model",
        "model_sha256": digest_of_weights(EMBEDDED_MODEL),
        "trajectories_sha256": hashlib.sha256("\n".join(digests).encode()).hexdigest(),
    }
    value = {
        "n_trajectories": len(digests),
        "n_tokens": sum(int(scores.scored.sum()) for scores in runs[UNCHANGED]),
        "epsilon": EPSILON,
        "easiest": {"share": EASY_SHARE, "entropy": limit},
        "columns": list(COLUMNS),
        "changes": {change: _change(runs, change) for change in runs},
        "by_temperature": _by_temperature(runs[UNCHANGED]),
        "carriers": [[name, *(number_or_none(number) for number in numbers)] for name, *numbers in rows],
        "largest": largest,
    }
    return Made(about, value)


def _change(runs: Runs, change: str) -> Mapping[str, Any]:
    """For each trajectory its sums, those on the decisions of the unchanged model, and the parts of the difference."""
    found = calibration(profiles(runs[change]), [scores.digest for scores in runs[change]], EPSILON)
    pairs = list(zip(runs[UNCHANGED], runs[change], strict=True))
    return {
        "totals": [totals_line(totals(profile, EPSILON)) for profile in profiles(runs[change])],
        "on_set": [totals_line(_on_set(before, after)) for before, after in pairs],
        "parts": [" ".join(f"{number:.9g}" for number in _parts(before, after)) for before, after in pairs],
        "calibrated_he_snr": found and found.estimate.value,
        "temperatures": found and list(found.temperatures),
    }


def _on_set(before: TokenScores, after: TokenScores) -> np.ndarray:
    return set_totals(after, np.flatnonzero(before.decisions(EPSILON)), EPSILON)


def _parts(before: TokenScores, after: TokenScores) -> np.ndarray:
    return part_totals(before.snr, before.decisions(EPSILON), after.snr, after.decisions(EPSILON))


def _by_temperature(runs: list[TokenScores]) -> dict[str, list[float]]:
    """Perplexity, HE-SNR and the number of decisions at each temperature of the finer grid."""
    profile = pooled(profiles(runs))
    (nll, decisions, snr), n_tokens = profile.temperatures.sums, profile.sums[:, 0].sum()
    found = {"inverse": FINE, "ppl": np.exp(nll / n_tokens), "he_snr": snr / decisions, "decisions": decisions}
    return {name: [float(f"{number:.7g}") for number in values] for name, values in found.items()}
