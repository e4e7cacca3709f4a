"""Results files for the tests of the exports. This module imports nothing of the harness, so that the tests of other
programs can run in environments without it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

MEASURES = {
    "he_snr": 0.1, "he_ppl": 9.9, "ppl": 32.0, "decisions": 2500.0, "decision_rate": 0.32, "top1_acc": 0.4,
    "topk_acc": 0.66, "mean_entropy": 1.35, "mean_top_mass": 0.7, "self_he_snr": 0.11, "q_over_entropy": 0.15,
    "bits_per_byte": 2.0,
}  # fmt: skip
"""Values like those of the embedded model."""
EPSILON = 1.2424533248940002


def results(values: dict[str, Any] | None = None, *, task: str = "swe_hesnr", **signature: Any) -> dict[str, Any]:
    """Return the content of a results file. `values` replaces numbers of the scope `action`; None is a missing one."""
    found = MEASURES | (values or {})
    scopes = {"action": found, "all": MEASURES}
    return {
        "results": {
            task: {f"{name},{scope}": value for scope, row in scopes.items() for name, value in row.items()}
            | {f"{name}_stderr,{scope}": 0.01 for scope, row in scopes.items() for name in row}
        },
        "configs": {
            task: {
                "signature": {
                    "model": "tiny", "revision": "main", "dtype": "float32", "tokenizer": "840bf24e", "k": 10,
                    "epsilon": EPSILON, "label_rules": 4, "trajectories": "e405e48a", "lm_eval_hesnr": "0.1.0",
                    "transformers": "5.23.0", **signature,
                },
                "summary": {scope: _summary(row) for scope, row in scopes.items()},
            }
        },
        "config": {"model": "hf-topk", "model_sha": ""},
        "date": 1795948515.88,
        "lm_eval_version": "0.4.13",
        "transformers_version": "5.23.0",
    }  # fmt: skip


def _summary(row: dict[str, Any]) -> dict[str, Any]:
    intervals = {name: [value * 0.9, value * 1.1] if isinstance(value, float) else None for name, value in row.items()}
    return {"documents": 28, "tokens": 79241, "epsilon": EPSILON, "intervals": intervals}


def write_results(folder: Path, values: dict[str, Any] | None = None, **changes: Any) -> Path:
    """Write a results file into the folder, which is made; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "results_2026-11-29T10-41-26.942964.json"
    path.write_text(json.dumps(results(values, **changes)))
    return path


def write_sweep(folder: Path, steps: dict[str, tuple[int, float]]) -> Path:
    """Write the folder of a finished sweep; `steps` maps a checkpoint to its step and its he_snr."""
    for name, (step, he_snr) in steps.items():
        path = write_results(folder / name / "results" / "model", {"he_snr": he_snr}, model=f"/runs/{name}")
        state = {
            "format": "hesnr-sweep-checkpoint", "version": 1, "name": name, "pretrained": f"/runs/{name}",
            "step": step, "status": "done", "results": str(path.relative_to(folder / name)),
        }  # fmt: skip
        (folder / name / "state.json").write_text(json.dumps(state))
    sweep = {"format": "hesnr-sweep", "version": 1, "settings": {}, "checkpoints": list(steps)}
    (folder / "sweep.json").write_text(json.dumps(sweep))
    return folder
