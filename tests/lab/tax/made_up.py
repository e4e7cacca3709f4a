"""Made-up readings of the experiment, in which the answer is known."""

import json
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from lab.before_after import SET_COLUMNS
from lab.readings import FORMAT, VERSION, Readings
from lab.tax.experiment import EXPERIMENT
from lab.tax.plan import BEFORE, CONTROL_RATE, CROSS_ENTROPY, DATA, GROUPS, LOSSES, RATES, SAMPLES, TASKS

KEPT = (
    "scope.tokens", "scope.top_k", "scope.rank_1", "scope.nll", "scope.entropy", "scope.top_mass", "above.top_k",
    "above.snr",
)  # fmt: skip
"""The sums of made-up readings: those that the analysis needs."""


class Truth(NamedTuple):
    """Of one model."""

    s: float = 0.12
    calibrated: float = 0.11
    passed: float = 0.3
    """Probability that one attempt solves a task, on average."""
    loss: float = 0.5


Truths = Callable[[str, float, float], Truth]
"""From the loss, the learning rate (0 for the start) and the temperature to the truth."""


def fill(readings: Readings, truth: Truths, *, fast: bool = False) -> None:
    """Write all readings of a form, each file at once."""
    files: dict[str, dict] = {}
    for piece in EXPERIMENT.pieces(fast):
        words = piece.part.replace(",", "").split()
        rate, temperature, seed = 0.0, 1.0, 0
        if piece.name != BEFORE:
            seed = int(words[3])
            rate = CONTROL_RATE if words[0] == "T" else float(words[1])
            temperature = float(words[1]) if words[0] == "T" else 1.0
        value = reading(truth(piece.name, rate, temperature), seed, [piece.name, rate, temperature])
        files.setdefault(piece.name, {})[piece.part] = {"made": {}, "value": value}
    readings.folder.mkdir(exist_ok=True)
    for name, parts in files.items():
        file = {"format": FORMAT, "version": VERSION, "about": {"model_sha256": "m"}, "parts": parts}
        (readings.folder / f"{name}.json").write_text(json.dumps(file, indent=1))


def reading(truth: Truth, seed: int, model: list) -> dict:
    """One reading. Tasks and groups differ; these differences are the same for all models."""
    of_all = np.random.default_rng(0)
    easy, groups = of_all.normal(size=TASKS), of_all.normal(size=GROUPS)
    names = [BEFORE, *LOSSES]
    rng = np.random.default_rng([seed, names.index(model[0]), int(1e5 * model[1]), int(100 * model[2])])
    chance = np.clip(truth.passed * np.exp(0.5 * easy), 0, 1)
    drawn = rng.random((TASKS, SAMPLES + 1)) < chance[:, None]
    return {
        "settings": {"lr": model[1], "level": 0},
        "tasks_sha256": "t",
        "greedy": "".join(str(int(one)) for one in drawn[:, 0]),
        "sampled": "".join(str(int(one)) for one in drawn[:, 1:].sum(1)),
        **{data: _of_data(truth, groups + 0.1 * rng.normal(size=GROUPS)) for data in DATA},
    }


def _of_data(truth: Truth, groups: np.ndarray) -> dict:
    s, calibrated = (value * (1 + 0.03 * groups) for value in (truth.s, truth.calibrated))
    numbers = {
        "scope.tokens": 1000, "scope.top_k": 900, "scope.rank_1": 500, "scope.nll": 1000 * truth.loss,
        "scope.entropy": 400, "scope.top_mass": 950, "above.top_k": 100,
    }  # fmt: skip
    return {
        "documents_sha256": "d",
        "columns": list(KEPT),
        "totals": [" ".join(f"{({**numbers, 'above.snr': 100 * one})[key]:.8g}" for key in KEPT) for one in s],
        "calibrated_he_snr": calibrated.mean(),
        "calibrated_without": [(calibrated.sum() - one) / (GROUPS - 1) for one in calibrated],
        "temperatures": [1.0, 1.1],
        "calibrated_loss": 0.9 * truth.loss,
        "kl": 0.1,
        "parts": [f"100 {100 * one:.8g} 50 {50 * one:.8g} {60 * one:.8g} 80 {88 * one:.8g}" for one in s],
        "set_columns": list(SET_COLUMNS),
        "set": [f"100 50 90 {100 * truth.loss:.8g} {100 * one:.8g}" for one in s],
    }


def by_rate(rate: float) -> float:
    """A held-out loss that falls with the learning rate, and then rises."""
    return dict(zip(RATES, (0.6, 0.5, 0.52), strict=True))[rate]


def world(start: Truth, tuned: Truth, **losses: Truth) -> Truths:
    """All losses give `tuned`, except for those that are named. A temperature divides S and lowers pass@8."""

    def truth(loss: str, rate: float, temperature: float) -> Truth:
        if loss == BEFORE:
            return start
        found = losses.get(loss, tuned)._replace(loss=by_rate(rate))
        if temperature == 1:
            return found
        assert loss == CROSS_ENTROPY
        return found._replace(s=found.s / temperature, passed=0.3 * found.passed)

    return truth
