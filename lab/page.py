"""The page of an experiment: written by people, except for its blocks, which come from the readings.

A block is between the lines `<!-- block NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats  # type: ignore[import-untyped]

from lm_eval_hesnr.errors import InputError

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


def rho_cell(x: Sequence[float], y: Sequence[float]) -> str:
    """Spearman's rho for a table; N/A if a value is missing, or if all are the same."""
    if not np.isfinite(x).all() or 0 in (np.ptp(x), np.ptp(y)):
        return "N/A"
    return f"{float(stats.spearmanr(x, y).statistic):+.2f}"
