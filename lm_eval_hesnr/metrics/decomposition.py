"""The difference of he_snr between two runs in three parts: arrays in, numbers out.

H_A and H_B are the sets of decisions of the runs, and I is their intersection. s_A(t) is p(t) / entropy(t) in run A.

    he_snr(B) - he_snr(A) = within + entering + leaving

    within     mean of s_B over I, minus mean of s_A over I: the same tokens became better or worse
    entering   he_snr(B), minus mean of s_B over I: the effect of the tokens that are decisions only in B
    leaving    mean of s_A over I, minus he_snr(A): the effect of the tokens that are decisions only in A

`kept` is the share of A's decisions that are also decisions of B, |I| / |H_A|. All four are pooled over the documents.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lm_eval_hesnr.metrics.bootstrap import Difference, Sample, difference

COLUMNS = ("decisions_a", "snr_a", "kept", "kept_snr_a", "kept_snr_b", "decisions_b", "snr_b")
"""The totals of one document: the sizes of H_A, I and H_B, and the sums of s over them."""


def part_totals(s_a: np.ndarray, in_a: np.ndarray, s_b: np.ndarray, in_b: np.ndarray) -> np.ndarray:
    """(len(COLUMNS),) totals of one document with n tokens.

    Args:
        s_a: (n,) p / entropy in run A; only the values at decisions are used.
        in_a: (n,) bool, the decisions of run A.
        s_b: (n,) p / entropy in run B.
        in_b: (n,) bool, the decisions of run B.
    """
    kept = in_a & in_b
    sums = (
        in_a.sum(), s_a[in_a].sum(), kept.sum(), s_a[kept].sum(), s_b[kept].sum(), in_b.sum(), s_b[in_b].sum(),
    )  # fmt: skip
    return np.array(sums, np.float64)


def _mean(total: np.ndarray, above: str, below: str) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(total[..., COLUMNS.index(above)] / total[..., COLUMNS.index(below)])


PARTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "total": lambda t: _mean(t, "snr_b", "decisions_b") - _mean(t, "snr_a", "decisions_a"),
    "within": lambda t: _mean(t, "kept_snr_b", "kept") - _mean(t, "kept_snr_a", "kept"),
    "entering": lambda t: _mean(t, "snr_b", "decisions_b") - _mean(t, "kept_snr_b", "kept"),
    "leaving": lambda t: _mean(t, "kept_snr_a", "kept") - _mean(t, "snr_a", "decisions_a"),
    "kept": lambda t: _mean(t, "kept", "decisions_a"),
}
"""Each part as a function of (..., len(COLUMNS)) totals. `total` is the sum of the next three."""


def decomposed(rows: np.ndarray) -> dict[str, Difference | None]:
    """Each part with its interval and p-value, from the same resamples of whole documents.

    The p-value of `kept` is None: a share of 0 is no hypothesis.

    Args:
        rows: (D, len(COLUMNS)), one row per document.
    """
    sample = Sample.of(rows)
    kept, *both = (rows[:, COLUMNS.index(name)] for name in ("kept", "decisions_a", "decisions_b"))
    found = {}
    for name, part in PARTS.items():
        counts = both if name == "total" else [kept, *both]  # so the total is the difference of he_snr to the last bit
        values = None if sample.sums is None else part(sample.sums)
        found[name] = difference(part(rows.sum(axis=0)), values, counts)
    if share := found["kept"]:
        found["kept"] = share._replace(p_value=None)
    return found
