"""What the readings led to after the criteria were fixed. It changes no verdict."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats  # type: ignore[import-untyped]

from lab.page import table
from lab.tax.compared import Pair, rows_of
from lab.tax.plan import CONTROL_RATE, CROSS_ENTROPY, DATA, IN_STYLE, LOSSES
from lab.tax.study import CALIBRATED, PASS, PASS_K, Model, S, Study, of
from lab.tax.tables import losses_rows_table, tax_table

_MEASURES = {
    "loss": "loss of actions", "calibrated_loss": "loss of actions at T*", S: "S", CALIBRATED: "calibrated S",
    "topk_acc": "topk_acc", "decision_rate": "decision rate", "kl": "KL to the start",
}  # fmt: skip


def after_the_fact(study: Study) -> str:
    """Comparisons at one learning rate, and how the measures of a tuned model order what it solves."""
    by_loss = {loss: _at(models, CONTROL_RATE) for loss, models in study.tuned.items()}
    start = [Pair(LOSSES[loss], one, study.start) for loss, one in by_loss.items()]
    others = [Pair(LOSSES[loss], one, by_loss[CROSS_ENTROPY]) for loss, one in by_loss.items() if loss != CROSS_ENTROPY]
    return "\n\n".join([
        f"At the learning rate {CONTROL_RATE:g}, minus the start:",
        tax_table({data: rows_of(start, data) for data in DATA}, "loss"),
        f"At the learning rate {CONTROL_RATE:g}, minus cross entropy; in-style:",
        losses_rows_table(rows_of(others, IN_STYLE)),
        "Spearman's rho between what a model says after fine-tuning and what it solves, over all kinds of fine-tuning:",
        order_table([one for models in study.tuned.values() for one in models]),
    ])  # fmt: skip


def _at(models: Sequence[Model], rate: float) -> Model:
    return next(one for one in models if one.title == f"{rate:g}")


def order_table(models: Sequence[Model]) -> str:
    """One row per measure, with Spearman's rho over the models.

    Args:
        models: all fine-tuned ones, each the mean over its seeds.
    """
    outcomes = [[one.measured[key].value for one in models] for key in (PASS, PASS_K)]
    rows = []
    for name, label in _MEASURES.items():
        cells = []
        for data in DATA:
            x = [_value(one, of(name, data)) for one in models]
            cells += [_rho(x, y) for y in outcomes]
        rows.append([label, *cells])
    heads = [f"{DATA[data]}: {key}" for data in DATA for key in (PASS, PASS_K)]
    return table(["measure after fine-tuning", *heads], rows)


def _value(model: Model, key: str) -> float:
    return model.numbers[key] if key in model.numbers else model.measured[key].value


def _rho(x: Sequence[float], y: Sequence[float]) -> str:
    if not np.isfinite(x).all() or 0 in (np.ptp(x), np.ptp(y)):
        return "N/A"
    return f"{float(stats.spearmanr(x, y).statistic):+.2f}"
