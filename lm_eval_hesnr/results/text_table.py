"""Tables in plain text."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from lm_eval_hesnr.metrics.estimates import Estimate


def aligned(rows: Sequence[Sequence[str]], *, right: Collection[int] = ()) -> list[str]:
    """One line per row. Columns are aligned left, except those whose number is in `right`: they are aligned right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def number(value: float | None) -> str:
    """The value with four decimals, or N/A."""
    return "N/A" if value is None else f"{value:.4f}"


def scopes_table(scopes: Mapping[str, Mapping[str, Estimate]]) -> list[str]:
    """One line per scope, in the given order: the measures of the paper's ablation, and the interval of he_snr."""
    rows = [("scope", "he_snr", "95 % interval", "he_ppl", "ppl", "topk_acc", "decisions")]
    for scope, found in scopes.items():
        ends = found["he_snr"].interval
        interval = "N/A" if ends is None else f"{ends.low:.4f} to {ends.high:.4f}"
        decisions = found["decisions"].value
        count = "N/A" if decisions is None else f"{decisions:.0f}"
        he_snr, he_ppl, ppl, topk_acc = (number(found[name].value) for name in ("he_snr", "he_ppl", "ppl", "topk_acc"))
        rows.append((scope, he_snr, interval, he_ppl, ppl, topk_acc, count))
    return aligned(rows)
