"""What the readings led to after the criteria were fixed. It changes no verdict."""

from __future__ import annotations

from collections.abc import Sequence

from lab.page import rho_cell, table
from lab.tax.compared import Pair, rows_of_pairs
from lab.tax.plan import CONTROL_RATE, CROSS_ENTROPY, DATA, LOSSES
from lab.tax.study import CALIBRATED, PASS_K, Model, S, Study, of
from lab.tax.tables import losses_rows_table, tax_table
from lm_eval_hesnr.metrics.decomposition import PARTS

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
        tax_table({data: rows_of_pairs(start, data) for data in DATA}, "loss"),
        f"At the learning rate {CONTROL_RATE:g}, minus cross entropy:",
        *(f"{DATA[data]}:\n\n{losses_rows_table(rows_of_pairs(others, data))}" for data in DATA),
        "On the tokens that are decisions before fine-tuning, whatever they are after it:",
        set_table([("before fine-tuning", study.start), *((LOSSES[loss], one) for loss, one in by_loss.items())]),
        "The parts of the change of S since the start:",
        parts_table([(LOSSES[loss], one) for loss, one in by_loss.items()]),
        "Spearman's rho between what a model says after fine-tuning and what it solves:",
        order_table(study),
    ])  # fmt: skip


def _at(models: Sequence[Model], rate: float) -> Model:
    return next(one for one in models if one.title == f"{rate:g}")


def set_table(models: Sequence[tuple[str, Model]]) -> str:
    """One row per model: the decisions of the start, with the numbers of the model. They are means over the seeds."""
    heads = [f"{style_of(data)}: {key}" for data in DATA for key in ("tokens", "top-1", "loss", "p / entropy")]
    rows = []
    for name, one in models:
        cells = []
        for data in DATA:
            tokens, top1, loss, snr = (
                one.numbers[of(f"set_{key}", data)] for key in ("tokens", "rank_1", "nll", "snr")
            )  # fmt: skip
            cells += [f"{tokens:.0f}", f"{top1:.3f}", f"{loss:.2f}", f"{snr:.3f}"]
        rows.append([name, *cells])
    return table(["loss", *heads], rows)


def parts_table(models: Sequence[tuple[str, Model]]) -> str:
    """One row per model: the three parts of the change of S, and the kept share of decisions; means over the seeds."""
    heads = [f"{style_of(data)}: {name}" for data in DATA for name in PARTS]
    rows = [
        [title, *(f"{one.numbers[of(f'part_{name}', data)]:{'.2f' if name == 'kept' else '+.4f'}}"
                  for data in DATA for name in PARTS)]
        for title, one in models
    ]  # fmt: skip
    return table(["loss", *heads], rows)


def style_of(data: str) -> str:
    """in-style or out-of-style."""
    return DATA[data].partition(":")[0]


def order_table(study: Study) -> str:
    """One row per measure, with Spearman's rho over all fine-tuned models, and over those of the larger rates."""
    every = [one for models in study.tuned.values() for one in models]
    smallest = min((one.title for one in every), key=float)
    larger = [one for one in every if one.title != smallest]
    heads, groups = [], []
    for data in DATA:
        for models, which in ((every, f"{len(every)} models"), (larger, f"{len(larger)} without {smallest}")):
            if models:
                heads.append(f"{style_of(data)}, {which}")
                groups.append((data, models))
    rows = []
    for name, label in _MEASURES.items():
        cells = [
            rho_cell([_value(one, of(name, data)) for one in models], [one.measured[PASS_K].value for one in models])
            for data, models in groups
        ]
        rows.append([label, *cells])
    return table([f"measure, against {PASS_K}", *heads], rows)


def _value(model: Model, key: str) -> float:
    return model.numbers[key] if key in model.numbers else model.measured[key].value
