"""Tables in plain text, and the cells that all tables share."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from lm_eval_hesnr.metrics.estimates import Estimate

_MARKDOWN = re.compile(r"[\\`*\[\]<>|~&]|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])")


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


def number(value: float | None, form: str = ".4f") -> str:
    """The value in a format (four decimals by default), or N/A."""
    return "N/A" if value is None else f"{value:{form}}"


def interval_cell(interval: tuple[float, float] | None, form: str = ".4f") -> str:
    """Both ends of an interval in a format, or N/A."""
    return "N/A" if interval is None else f"{interval[0]:{form}} to {interval[1]:{form}}"


def in_markdown(text: str) -> str:
    """The text with a backslash before each character that has a meaning in Markdown."""
    return _MARKDOWN.sub(lambda found: f"\\{found[0]}", text)


def shortened_name(name: str, room: int) -> str:
    """The name in at most so many characters, without its middle if it is longer."""
    half = (room - 3) // 2
    return name if len(name) <= room else f"{name[: room - 3 - half]}...{name[-half:]}"


def scopes_table(scopes: Mapping[str, Mapping[str, Estimate]]) -> list[str]:
    """One line per scope, in the given order: the measures of the paper's ablation, and the interval of he_snr."""
    rows = [("scope", "he_snr", "95 % interval", "he_ppl", "ppl", "topk_acc", "decisions")]
    for scope, found in scopes.items():
        he_snr, he_ppl, ppl, topk_acc = (number(found[name].value) for name in ("he_snr", "he_ppl", "ppl", "topk_acc"))
        decisions = number(found["decisions"].value, ".0f")
        rows.append((scope, he_snr, interval_cell(found["he_snr"].interval), he_ppl, ppl, topk_acc, decisions))
    return aligned(rows)
