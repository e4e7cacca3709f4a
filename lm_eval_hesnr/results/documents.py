"""The documents of a run in the results file: what each trajectory adds to every measure.

With them, two runs can be compared trajectory by trajectory from their results files alone. The harness writes the file
with `indent=2`, one list item per line. So the totals of a document are one string: 500 documents need about 150 kB
instead of 550 kB.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from lm_eval_hesnr.metrics.measures import totals
from lm_eval_hesnr.metrics.profile import SUMS
from lm_eval_hesnr.metrics.scope_result import ScopeResult
from lm_eval_hesnr.results.json_checks import each, each_in_list, expect, is_count_or_null
from lm_eval_hesnr.results.possible import check_totals

COLUMNS = (
    "scope.tokens", "scope.top_k", "scope.rank_1", "scope.nll", "scope.entropy", "scope.top_mass", "scope.bytes",
    "above.tokens", "above.top_k", "above.nll_top_k", "above.snr", "above.top_mass", "above.q_snr", "above.self_snr",
)  # fmt: skip
"""The totals that a measure needs. `scope.` is over all tokens of the scope, `above.` over those with entropy >
epsilon; the names after the dot are those of `SUMS`."""

_PLACE = {f"{part}.{name}": i for i, (part, name) in enumerate((p, n) for p in ("scope", "above") for n in SUMS)}
"""Each total's place in a row of `measures.totals`."""
_DIGITS = {"scope.nll": 9, "above.nll_top_k": 9}
"""Significant digits; 8 for the other columns. The measures of these two are exponentials, which need more. With these
digits, a difference of two runs is that of their token tables within 1e-6, and a file of 500 documents is below 200
kB."""
_NOT_KNOWN = "-"
_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?(e-[0-9]{1,3}|e\+[0-9]{1,2})?|inf")
"""A sum of larger numbers could be too large for a float. Very small ones are possible: a probability may be 1e-200. A
sum of logprobs may be negative by rounding, which `check_totals` limits."""
_DIGEST = re.compile("[0-9a-f]{16}")


def documents_config(results: Mapping[str, ScopeResult]) -> dict[str, Any]:
    """The value of `configs.<task>.documents` in the results file.

    It contains the id of each trajectory (`ids`), the digest of its token ids (`sha256`), the names of the totals
    (`columns`), the threshold of each scope in nats, null if there is none (`epsilon`), and for each scope one string
    per document, with its totals (`totals`).

    Args:
        results: scope to its result. All scopes have the same documents in the same order.
    """
    first = next(iter(results.values()))
    return {
        "ids": list(first.names),
        "sha256": list(first.digests),
        "columns": list(COLUMNS),
        "epsilon": {scope: result.threshold for scope, result in results.items()},
        "totals": {
            scope: [totals_line(totals(profile, result.threshold)) for profile in result.profiles]
            for scope, result in results.items()
        },
    }


def totals_line(total: np.ndarray) -> str:
    """The totals of one document, (2 * len(SUMS),), as one text with the numbers of `COLUMNS`."""
    return " ".join(_text(float(total[_PLACE[column]]), _DIGITS.get(column, 8)) for column in COLUMNS)


def _text(value: float, digits: int) -> str:
    return _NOT_KNOWN if math.isnan(value) else f"{value:.{digits}g}"


def document_totals(documents: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Scope to the totals of its documents: (D, 2 * len(SUMS)) float64, as `measures.totals` has them.

    A total that is not known, or that the file does not contain, is NaN. Columns of other names are ignored.

    Args:
        documents: what `documents_config` returned, or what `check_documents` has checked.
    """
    return {scope: _rows(lines, documents["columns"]) for scope, lines in documents["totals"].items()}


def _rows(lines: list[str], columns: list[str]) -> np.ndarray:
    rows = np.full((len(lines), 2 * len(SUMS)), np.nan)
    known = [(i, _PLACE[column]) for i, column in enumerate(columns) if column in _PLACE]
    for row, line in zip(rows, lines, strict=True):
        values = line.split(" ")
        for i, place in known:
            row[place] = math.nan if values[i] == _NOT_KNOWN else float(values[i])
    return rows


def check_documents(documents: Any, key: str) -> None:
    """Check every value of `documents` in a results file.

    Args:
        documents: the decoded JSON.
        key: its name, for messages.

    Raises:
        ValueError: a value is missing or wrong. The message names its key.
    """
    found = each(documents, key)
    n_documents = len(each_in_list(found.get("ids"), f"{key}, ids", _is_text, "a text"))
    each_in_list(found.get("sha256"), f"{key}, sha256", _is_digest, "16 hexadecimal digits", n_documents)
    columns = each_in_list(found.get("columns"), f"{key}, columns", _is_text, "a name")
    expect(len(set(columns)) == len(columns) > 0, f"{key}, columns", "one or more different names", columns)
    thresholds = each(found.get("epsilon"), f"{key}, epsilon", is_count_or_null, "a number from 0 on, or null")
    lines = each(found.get("totals"), f"{key}, totals")
    expect(lines.keys() == thresholds.keys(), f"{key}, totals", f"the scopes of {key}, epsilon", lines)
    for scope, of_scope in lines.items():
        expected = f"{len(columns)} numbers, or -, with one blank between two of them"
        is_line = partial(_is_line, n_columns=len(columns))
        each_in_list(of_scope, f"{key}, totals, {scope}", is_line, expected, n_documents)
        names = [f"{key}, totals, {scope}, {i}" for i in range(n_documents)]
        check_totals(_rows(of_scope, columns), thresholds[scope], names)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def _is_line(value: Any, n_columns: int) -> bool:
    if not isinstance(value, str):
        return False
    values = value.split(" ", n_columns)  # at most one more: a line can be as long as the file
    return len(values) == n_columns and all(one == _NOT_KNOWN or _NUMBER.fullmatch(one) for one in values)
