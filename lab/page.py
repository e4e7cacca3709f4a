"""The page of an experiment: written by people, except for its blocks, which come from the readings.

A block is between the lines `<!-- block NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats  # type: ignore[import-untyped]

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.metrics.bootstrap import Difference

_BLOCK = re.compile(r"(<!-- block ([a-z0-9_-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(page: str, blocks: Mapping[str, str]) -> str:
    """The page with new blocks.

    Raises:
        InputError: the page has a block that is not known, or lacks one.
    """
    names = [found[2] for found in _BLOCK.finditer(page)]
    if sorted(names) != sorted(blocks):
        raise InputError(
            f"the page has the blocks {', '.join(sorted(names))}; expected {', '.join(sorted(blocks))}; write one "
            "`<!-- block NAME -->` and `<!-- end -->` for each"
        )
    return _BLOCK.sub(lambda found: f"{found[1]}{blocks[found[2]].strip()}\n{found[3]}", page)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], n_left: int = 1) -> str:
    """A Markdown table. All columns after the first `n_left` are aligned to the right."""
    lines = [heads, ["---"] * n_left + ["---:"] * (len(heads) - n_left), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def with_interval(found: Difference | None, form: str = "+.3f", *, scale: float = 1, unit: str = "") -> str:
    """A value with its 95 % interval for a table, such as `+1.2 % (+0.1 to +2.3)`; N/A if there is no value.

    Args:
        found: the value, whose interval may be missing.
        form: the format of all three numbers.
        scale: what they are multiplied with: 100 for percent.
        unit: written after the value, with its space.
    """
    if found is None:
        return "N/A"
    value, *ends = (f"{scale * one:{form}}" for one in (found.value, *(found.interval or ())))
    return f"{value}{unit} ({' to '.join(ends)})" if ends else f"{value}{unit}"


def rho_cell(x: Sequence[float], y: Sequence[float]) -> str:
    """Spearman's rho for a table; N/A if a value is missing, or if all are the same."""
    if not np.isfinite(x).all() or 0 in (np.ptp(x), np.ptp(y)):
        return "N/A"
    return f"{float(stats.spearmanr(x, y).statistic):+.2f}"
