"""The tables, sentences and the picture of the experiment."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from lab.page import table, with_interval
from lab.picture import Panel, Point, picture
from lab.tax.compared import AT_EQUAL, GAP, PLACES, Found, Row
from lab.tax.plan import CROSS_ENTROPY, DATA, LOSSES
from lab.tax.study import CALIBRATED, HELD_OUT, OUTCOMES, PASS, PASS_K, Model, S, Study, of
from lab.tax.verdicts import AGAINST, FAILED, HIGHER, SUPPORTS, UNDECIDED

_HEADS = {
    S: "S", CALIBRATED: "calibrated S", GAP: "S minus calibrated S", PASS: PASS, PASS_K: PASS_K,
}  # fmt: skip
_NOTHING = "No pair of models can be compared here."
_CLAIMS = {
    SUPPORTS: "After fine-tuning with cross entropy, calibrated HE-SNR and pass@8 fall: there is a tax.",
    AGAINST: "HE-SNR falls after fine-tuning with cross entropy, but this is no tax: it is a change of temperature, or "
    "more fine-tuning solves more tasks.",
    UNDECIDED: "These readings do not decide whether a fall of HE-SNR after fine-tuning is a tax.",
    FAILED: "A change of temperature alone changed calibrated HE-SNR, so that no verdict counts.",
}


def model_table(study: Study, data: str) -> str:
    """One row per kind of fine-tuning: what it says about the trajectories."""
    heads = [
        "loss", "learning rate", "loss of actions", "at T*", "T*", "S", "calibrated S", "decision rate", "topk_acc",
        "top_mass", "KL to the start",
    ]  # fmt: skip
    return table(heads, [[name, one.title, *_cells(one, data)] for name, one in _every(study)], n_left=2)


def _cells(one: Model, data: str) -> list[str]:
    numbers = [one.numbers[of(name, data)] for name in ("loss", "calibrated_loss", "temperatures")]
    measured = [one.measured[of(name, data)].value for name in (S, CALIBRATED, "decision_rate", "topk_acc")]
    top_mass, kl = one.measured[of("mean_top_mass", data)].value, one.numbers[of("kl", data)]
    return [*(_number(number, 3) for number in numbers), *(_number(number, 4) for number in measured),
            _number(top_mass, 4), _number(kl, 3)]  # fmt: skip


def outcome_table(study: Study) -> str:
    """One row per kind of fine-tuning: what it solves."""
    rows = [
        [name, one.title, *(f"{100 * one.measured[key].value:.1f} %" for key in OUTCOMES)]
        for name, one in _every(study)
    ]
    return table(["loss", "learning rate", *OUTCOMES], rows, n_left=2)


def _every(study: Study) -> list[tuple[str, Model]]:
    tuned = [(LOSSES[loss], one) for loss, models in study.tuned.items() for one in models]
    controls = [(f"control: {LOSSES[CROSS_ENTROPY]}", one) for one in study.controls.values()]
    return [("before fine-tuning", study.start), *tuned, *controls]


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else "N/A"


def tax_table(rows: Mapping[str, Sequence[Row]], title: str) -> str:
    """Differences with intervals, and the verdict of each, over each set of trajectories.

    Args:
        rows: by trajectories.
        title: the head of the first column.
    """
    heads = [title, *(_HEADS[key] for key in (S, CALIBRATED, PASS_K)), "verdict"]
    parts = []
    for data, some in rows.items():
        lines = [
            [row.title, *(_difference(row, key) for key in (S, CALIBRATED, PASS_K)), f"**{row.verdict}**"]
            for row in some
        ]
        parts.append(f"{DATA[data]}:\n\n{table(heads, lines) if lines else _NOTHING}")
    return "\n\n".join(parts)


def losses_table(rows: Mapping[str, Sequence[Row]]) -> str:
    """Every other loss against cross entropy, at each place."""
    return "\n\n".join(f"At {place}:\n\n{losses_rows_table(rows[place])}" for place in PLACES)


def losses_rows_table(rows: Sequence[Row]) -> str:
    """Other losses against cross entropy at one place.

    The learning rates are those of both models; a share stands for a mixture of two of them.
    """
    heads = [
        "loss", "learning rate", "that of cross entropy", *(_HEADS[key] for key in (S, CALIBRATED, PASS, PASS_K)),
    ]  # fmt: skip
    lines = [
        [
            row.title,
            row.model.title,
            row.reference.title,
            *(_difference(row, key) for key in (S, CALIBRATED, PASS, PASS_K)),
        ]
        for row in rows
    ]
    return table(heads, lines, n_left=3) if lines else _NOTHING


def _difference(row: Row, key: str) -> str:
    one = row.differences[key]
    text = with_interval(one, "+.1f", scale=100) if key in (PASS, PASS_K) else with_interval(one, "+.4f")
    return f"{text} {row.changes[key]}"


def sentence(found: Found) -> str:
    """What the experiment says, in two sentences."""
    return f"**{found.claim}**. {_CLAIMS[found.claim]} {losses_sentence(found.against_cross_entropy[AT_EQUAL])}"


def losses_sentence(rows: Sequence[Row]) -> str:
    """Which losses keep decisions at equal held-out loss, and whether it pays."""
    if not rows:
        return "No loss can be compared with cross entropy at equal held-out loss."
    keep = [row for row in rows if row.changes[CALIBRATED] == HIGHER]
    paid = [row.title for row in keep if row.changes[PASS_K] == HIGHER]
    said = f"At equal held-out loss, {len(rows)} of {len(LOSSES) - 1} losses can be compared with cross entropy. "
    if not keep:
        return f"{said}None of them has clearly more calibrated HE-SNR over the in-style runs."
    return (
        f"{said}More calibrated HE-SNR over the in-style runs: {'; '.join(row.title for row in keep)}. Of these, more "
        f"tasks are solved (pass@8) with: {'; '.join(paid) or 'none'}."
    )


def scatter(study: Study) -> str:
    """HE-SNR, plain and calibrated, against solved tasks: one point per loss and learning rate, and the controls."""
    panels = [
        Panel(
            title=f"{title}, {DATA[data].partition(':')[0]}",
            x_label=DATA[data],
            y_label=f"{PASS_K}, %",
            series=_series(study, of(key, data)),
        )
        for data in DATA
        for title, key in (("HE-SNR", S), ("Calibrated HE-SNR", CALIBRATED))
    ]
    return picture(f"{len(study.tuned)} losses: HE-SNR after fine-tuning, and solved tasks", panels, per_row=2)


def _series(study: Study, key: str) -> dict[str, list[Point]]:
    """Without values that are missing. The controls belong to cross entropy, and have a name."""
    named = [(loss, one, "") for loss, models in study.tuned.items() for one in models]
    named += [(CROSS_ENTROPY, one, one.title) for one in study.controls.values()]
    found: dict[str, list[Point]] = {}
    for loss, one, name in named:
        x, y = one.measured[key].value, 100 * one.measured[PASS_K].value
        if math.isfinite(x):
            found.setdefault(loss.replace("_", " "), []).append(Point(x, y, name=name))
    return found


def data_of(study: Study, found: Found) -> dict[str, object]:
    """The numbers of all tables, as JSON."""
    groups = {
        "since_start": found.since_start, "more": found.more, "controls": found.controls,
        "against_cross_entropy": found.against_cross_entropy,
    }  # fmt: skip
    return {
        "models": [
            {
                "loss": name, "rate": one.title,
                "measured": {key: _or_none(value.value) for key, value in one.measured.items()},
                "numbers": {key: _or_none(value) for key, value in one.numbers.items()},
            }
            for name, one in _every(study)
        ],
        "comparisons": {
            group: {key: [_row(row) for row in some] for key, some in rows.items()} for group, rows in groups.items()
        },
        "claim": found.claim,
    }  # fmt: skip


def _row(row: Row) -> dict[str, object]:
    return {
        "title": row.title,
        "at": {"held_out_loss": _or_none(row.reference.numbers[HELD_OUT])},
        "differences": {key: one and one._asdict() for key, one in row.differences.items()},
        "changes": dict(row.changes),
        "verdict": row.verdict,
    }


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
