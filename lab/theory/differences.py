"""What each measure says about a known change: the paired difference, and whether its sign is right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from benchmarks.interventions.changes import EASIEST, HALF, TITLES, UNCHANGED
from lab.before_after import rows_of
from lm_eval_hesnr.metrics.bootstrap import Difference, Sample, paired_difference
from lm_eval_hesnr.metrics.decomposition import decomposed
from lm_eval_hesnr.metrics.measures import HIGHER_IS_BETTER, measure
from lm_eval_hesnr.results.documents import document_totals

CHANGES = [change for change in TITLES if change != UNCHANGED]
BETTER: Mapping[str, int] = {EASIEST: 1, HALF: 1, "noise": -1}
"""Whether the changed model is better (1) or worse (-1). A temperature changes only the confidence (0)."""
MEASURES = ("ppl", "bits_per_byte", "he_ppl", "he_snr", "q_over_entropy", "top1_acc", "topk_acc")
ON_SET = ("he_snr", "top1_acc")
PARTS = ("within", "entering", "leaving")
RIGHT, WRONG, NOT_CLEAR, MOVES, STAYS = "right", "wrong", "not clear", "moves", "stays"


class Row(NamedTuple):
    """One measure under every change."""

    name: str
    value: float | None
    """Of the unchanged model; None for a part of a difference."""
    differences: Mapping[str, Difference | None]
    """Change to difference."""
    higher_is_better: bool | None

    def sign(self, change: str) -> str | None:
        """Whether the measure sees the change; None if it has no better direction, or no interval."""
        found = self.differences[change]
        if self.higher_is_better is None or found is None or found.interval is None:
            return None
        clear, truth = found.is_clear, BETTER.get(change, 0)
        if truth == 0:
            return MOVES if clear else STAYS
        if not clear:
            return NOT_CLEAR
        rises_if_better = self.higher_is_better == (truth > 0)
        return RIGHT if (found.value > 0) == rises_if_better else WRONG


def rows_of_measures(reading: Mapping[str, Any]) -> list[Row]:
    """All rows: measures, measures on the decisions of the unchanged model, and parts of the difference of he_snr."""
    totals, on_set = (_samples(reading, key) for key in ("totals", "on_set"))
    parts = {change: decomposed(rows_of(of["parts"])) for change, of in reading["changes"].items()}
    rows = [_row(name, name, totals) for name in MEASURES]
    rows += [_row(f"{name} on the unchanged set", name, on_set) for name in ON_SET]
    return rows + [Row(name, None, {change: parts[change][name] for change in CHANGES}, None) for name in PARTS]


def _samples(reading: Mapping[str, Any], key: str) -> dict[str, Sample]:
    columns = reading["columns"]
    return {
        change: Sample.of(document_totals({"columns": columns, "totals": {key: of[key]}})[key])
        for change, of in reading["changes"].items()
    }


def _row(title: str, name: str, samples: Mapping[str, Sample]) -> Row:
    unchanged = samples[UNCHANGED]
    return Row(
        title,
        float(measure(name, unchanged.rows.sum(axis=0))),
        {change: paired_difference(name, unchanged, samples[change]) for change in CHANGES},
        HIGHER_IS_BETTER[name],
    )
