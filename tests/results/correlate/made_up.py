"""Made-up studies: SCORES.csv, and results files whose trajectories have known measures. Seeded.

    python -m tests.results.correlate.made_up OUT

writes three studies into OUT: one where he_snr predicts better than perplexity, one where it does not, and one where
nobody can know. Their folders are named by number, and KEY says which is which.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lm_eval_hesnr.results.documents import COLUMNS
from tests.results.export.results_files import EPSILON, results

STUDIES = {"1": "better", "2": "not better", "3": "nobody can know"}


@dataclass(frozen=True)
class Checkpoint:
    """One checkpoint of a made-up study."""

    name: str
    family: str
    step: int
    he_snr: float
    ppl: float
    passed: int
    tasks: int
    attempts: int = 1


def results_with_documents(
    one: Checkpoint, random: np.random.Generator, n_documents: int = 60, noise: float = 0.02, **signature: Any
) -> dict[str, Any]:
    """Return a results file for the checkpoint. Its trajectories vary, and their sums give its measures exactly."""
    shared = np.random.default_rng(0)  # what makes a trajectory easy is the same for all checkpoints
    tokens = shared.integers(500, 3000, n_documents)
    easy = shared.normal(0, 0.2, n_documents)
    top_k = tokens // 4
    snr = one.he_snr * np.exp(easy + random.normal(0, noise, n_documents))
    snr *= one.he_snr / ((snr * top_k).sum() / top_k.sum())
    nll = np.log(one.ppl) * np.exp(-easy + random.normal(0, noise, n_documents))
    nll *= np.log(one.ppl) / ((nll * tokens).sum() / tokens.sum())
    lines = []
    for i in range(n_documents):
        values = dict.fromkeys(COLUMNS, "-") | {
            "scope.tokens": str(tokens[i]), "scope.top_k": str(tokens[i]), "scope.nll": f"{nll[i] * tokens[i]:.9g}",
            "scope.bytes": str(4 * tokens[i]), "scope.rank_1": str(tokens[i] // 2),
            "above.tokens": str(top_k[i]), "above.top_k": str(top_k[i]), "above.snr": f"{snr[i] * top_k[i]:.9g}",
            "above.nll_top_k": f"{2 * top_k[i]:.9g}",
        }  # fmt: skip
        lines.append(" ".join(values[column] for column in COLUMNS))
    found = results({"he_snr": one.he_snr, "ppl": one.ppl}, model=f"/runs/{one.name}", **signature)
    found["configs"]["swe_hesnr"]["documents"] = {
        "ids": [f"run-{i}" for i in range(n_documents)],
        "sha256": [f"{i:016x}" for i in range(n_documents)],
        "columns": list(COLUMNS),
        "epsilon": {"action": EPSILON},
        "totals": {"action": lines},
    }
    return found


def write_study(folder: Path, checkpoints: Sequence[Checkpoint], seed: int = 0, **signature: Any) -> Path:
    """Write SCORES.csv and results/NAME/results_1.json of each checkpoint into the folder; return the folder."""
    random = np.random.default_rng(seed)
    for one in checkpoints:
        path = folder / "results" / one.name / "results_1.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(results_with_documents(one, random, **signature)))
    with (folder / "scores.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["checkpoint", "family", "step", "passed", "tasks", "attempts"])
        for one in checkpoints:
            writer.writerow([one.name, one.family, one.step, one.passed, one.tasks, one.attempts])
    return folder


def study(kind: str, seed: int = 7) -> list[Checkpoint]:
    """Return the checkpoints of one of `STUDIES`.

    `better`: ability has a part that differs between training runs and that only he_snr sees. `not better`: both see
    the same ability, equally well. `nobody can know`: one training run in which everything improves.
    """
    random = np.random.default_rng(seed)
    n_families, n_steps = (1, 12) if kind == "nobody can know" else (8, 6)
    step = np.linspace(1, 12, n_steps) if n_families == 1 else np.geomspace(1, 12, n_steps)
    trend = 1.2 * np.log(step) / np.log(step[-1])
    shape = n_families, n_steps
    base = random.normal(0, 0.35, (n_families, 1)) + trend + random.normal(0, 0.1, shape)
    hidden = random.normal(0, 0.35, (n_families, 1)) + random.normal(0, 0.15, shape)
    ability = base + (hidden if kind == "better" else 0.0)
    noise = {"better": (0.06, 0.06), "not better": (0.04, 0.04), "nobody can know": (0.08, 0.2)}[kind]
    of_snr = ability + random.normal(0, noise[0], shape)
    of_ppl = base + random.normal(0, noise[1], shape)
    tasks, attempts = 500, 3
    passed = random.binomial(tasks * attempts, 1 / (1 + np.exp(2.2 - 1.4 * ability)))
    return [
        Checkpoint(
            name=f"{chr(65 + f)}-step{round(1000 * step[c])}",
            family=f"run {chr(65 + f)}",
            step=round(1000 * step[c]),
            he_snr=round(float(0.09 + 0.02 * of_snr[f, c]), 6),
            ppl=round(float(np.exp(1.9 - 0.25 * of_ppl[f, c])), 6),
            passed=int(passed[f, c]),
            tasks=tasks,
            attempts=attempts,
        )
        for f in range(n_families)
        for c in range(n_steps)
    ]


if __name__ == "__main__":
    for number, kind in STUDIES.items():
        write_study(Path(sys.argv[1]) / number, study(kind))
    (Path(sys.argv[1]) / "KEY").write_text(json.dumps(STUDIES) + "\n")
