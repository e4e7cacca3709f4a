"""What a file of readings has: sums over tokens, by window, by trajectory, and by context length.

The functions take scores of tokens and give JSON (`reading_of`), or take JSON and give arrays (`window_of`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lab.before_after import SET_COLUMNS, Decided, line, on_set, parts, ranks, rows_of
from lab.context.plan import BINS, LONG, SHORT, STRIDES
from lab.predict.layout import digest
from lm_eval_hesnr.metrics.bootstrap import Difference, Interval, difference
from lm_eval_hesnr.metrics.calibration import Replicates, calibrated, replicates
from lm_eval_hesnr.metrics.edges import EPSILON
from lm_eval_hesnr.metrics.measures import number_or_none, totals
from lm_eval_hesnr.results.documents import COLUMNS, document_totals, totals_line
from lm_eval_hesnr.scoring.token_scores import TokenScores

KEY_GAIN, KEY_LOSS = 2.0, 2.0
"""Nats. A token is a key if one window has a loss below `KEY_LOSS`, and the other one a loss that is more than
`KEY_GAIN` larger. These are the numbers of LongPPL (arXiv 2410.23771)."""
KEYS = ("gained", "lost")
"""Keys that the long window gives, and keys that it takes away."""
BIN_COLUMNS = ("scope.tokens", "scope.top_k", "scope.nll", "above.top_k", "above.snr")
"""The sums of each trajectory in a bin: enough for the intervals of perplexity, top-k accuracy and HE-SNR."""


class Reference(NamedTuple):
    """The checkpoint as it is, with the short window."""

    decided: Sequence[Decided]
    """One per trajectory."""
    calibrated: Replicates | None
    """Its calibrated HE-SNR; None if it has no value."""

    @classmethod
    def of(cls, runs: Sequence[TokenScores]) -> Reference:
        """That of its scores."""
        return cls([Decided.of(one) for one in runs], _replicates(runs))


def _replicates(runs: Sequence[TokenScores]) -> Replicates | None:
    profiles = [one.profile(one.scored, EPSILON) for one in runs]
    if any(profile.by_temperature is None for profile in profiles):
        return None
    return replicates([profile.temperatures for profile in profiles], [one.digest for one in runs])


def contexts(n_tokens: int, window: int, stride: int) -> np.ndarray:
    """(n_tokens,) how many tokens the window has before each token (`lm_eval_hesnr.scoring.windows.plan_windows`)."""
    positions = np.arange(n_tokens)
    n_before = np.maximum(0, -(-(positions + 1 - window) // stride))
    return positions - n_before * stride


def reading_of(runs: Mapping[int, Sequence[TokenScores]], reference: Reference) -> dict[str, Any]:
    """The value of the part `reading`.

    Args:
        runs: window to the scores of all trajectories, in the same order.
        reference: of the checkpoint as it is, with the short window.

    Raises:
        ValueError: the reference has other tokens.
    """
    digests = [one.digest for one in runs[SHORT]]
    if digests != [one.digest for one in reference.decided] or digests != [one.digest for one in runs[LONG]]:
        raise ValueError("the reference and both windows must have the same trajectories in the same order")
    return {
        "n_documents": len(digests),
        "documents_sha256": digest(digests),
        "epsilon": EPSILON,
        "columns": list(COLUMNS),
        "set_columns": list(SET_COLUMNS),
        "bin_columns": list(BIN_COLUMNS),
        "windows": {str(window): _of_window(window, some, reference) for window, some in runs.items()},
        "keys": [_keys(*pair) for pair in zip(runs[SHORT], runs[LONG], strict=True)],
    }


def _of_window(window: int, runs: Sequence[TokenScores], reference: Reference) -> dict[str, Any]:
    profiles = [one.profile(one.scored, EPSILON) for one in runs]
    found = _replicates(runs)
    pairs = list(zip(reference.decided, runs, strict=True))
    return {
        "stride": STRIDES[window],
        "totals": [totals_line(totals(profile, EPSILON)) for profile in profiles],
        "ranks": [line(ranks(one, one.scored)) for one in runs],
        "parts": [line(parts(*pair)) for pair in pairs],
        "set": [line(on_set(*pair)) for pair in pairs],
        **_calibrated(runs, found),
        "calibrated_change": _calibrated_change(reference.calibrated, found),
        "bins": [_of_bin(runs, *limits) for limits in BINS],
    }


def _calibrated(runs: Sequence[TokenScores], found: Replicates | None) -> dict[str, Any]:
    """Calibrated HE-SNR, its values without each pair of runs, and the two temperatures; None where there is no value.

    The pairs are in the order of the digests of their tokens. With a pair, each half loses one run. With the values
    without each pair, anybody can compute an interval of any difference.
    """
    if found is None:
        return {"calibrated_he_snr": None, "calibrated_without": None, "temperatures": None}
    ordered = sorted(runs, key=lambda one: one.digest)
    documents = [one.profile(one.scored, EPSILON).temperatures for one in ordered]
    digests = [one.digest for one in ordered]
    without = [
        calibrated(documents[:i] + documents[i + 2 :], digests[:i] + digests[i + 2 :], EPSILON).estimate.value
        for i in range(0, len(runs), 2)
    ]
    return {
        "calibrated_he_snr": number_or_none(found.value),
        "calibrated_without": [one if one is None else float(f"{one:.9g}") for one in without],
        "temperatures": calibrated(documents, digests, EPSILON).temperatures,
    }


def _calibrated_change(before: Replicates | None, after: Replicates | None) -> list[Any] | None:
    """The relative change of calibrated HE-SNR: the value and the ends of its interval; None if there is none."""
    if before is None or after is None:
        return None
    values, weights = after.values / before.values - 1, [before.decisions, after.decisions]
    found = difference(after.value / before.value - 1, values, weights)
    return None if found is None or found.interval is None else [found.value, *found.interval]


def _of_bin(runs: Sequence[TokenScores], first: int, last: int) -> dict[str, Any]:
    """The sums over the tokens with [first, last) tokens before them in the long window, of all trajectories.

    `runs` has the most important ones of each trajectory.
    """
    chosen = [one.scored & _is_in(contexts(len(one.scored), LONG, STRIDES[LONG]), first, last) for one in runs]
    rows = [totals(one.profile(some, EPSILON), EPSILON) for one, some in zip(runs, chosen, strict=True)]
    of_each = [totals_line(row).split(" ") for row in rows]
    return {
        "context": [first, last],
        "totals": totals_line(np.sum(rows, axis=0)),
        "ranks": line(np.sum([ranks(one, some) for one, some in zip(runs, chosen, strict=True)], axis=0)),
        "runs": [" ".join(row[COLUMNS.index(name)] for name in BIN_COLUMNS) for row in of_each],
    }


def _is_in(values: np.ndarray, first: int, last: int) -> np.ndarray:
    return np.asarray((first <= values) & (values < last))


def _keys(short: TokenScores, long: TokenScores) -> str:
    """The numbers of `KEYS` of one trajectory."""
    chosen = short.scored & long.scored
    before, after = -short.logprob[chosen], -long.logprob[chosen]
    gained = (before - after > KEY_GAIN) & (after < KEY_LOSS)
    lost = (after - before > KEY_GAIN) & (before < KEY_LOSS)
    return f"{int(gained.sum())} {int(lost.sum())}"


class Window(NamedTuple):
    """What a checkpoint says with one window. D trajectories."""

    totals: np.ndarray
    """(D, 2 * len(SUMS)), as `measures.totals` has them."""
    ranks: np.ndarray
    """(D, len(RANKS)) the number of tokens with a rank up to each k."""
    parts: np.ndarray
    """(D, len(decomposition.COLUMNS)): from the checkpoint as it is, with the short window."""
    on_set: np.ndarray
    """(D, len(SET_COLUMNS)): over the decisions of the checkpoint as it is, with the short window."""
    calibrated: float | None
    """Calibrated HE-SNR."""
    calibrated_change: Difference | None
    """Its relative change from the checkpoint as it is, with the short window; without a p-value."""
    bins: list[tuple[np.ndarray, np.ndarray]]
    """For each of `BINS` the totals and the ranks of all trajectories together."""


def window_of(reading: Mapping[str, Any], window: int) -> Window:
    """The arrays of one window of a reading."""
    found = reading["windows"][str(window)]
    change = found["calibrated_change"]
    return Window(
        totals=_totals(reading["columns"], found["totals"]),
        ranks=rows_of(found["ranks"]),
        parts=rows_of(found["parts"]),
        on_set=rows_of(found["set"]),
        calibrated=found["calibrated_he_snr"],
        calibrated_change=change and Difference(change[0], Interval(*change[1:]), None),
        bins=[(_totals(reading["columns"], [one["totals"]])[0], rows_of([one["ranks"]])[0]) for one in found["bins"]],
    )


def keys_of(reading: Mapping[str, Any]) -> np.ndarray:
    """(D, len(KEYS)) the number of keys of each trajectory."""
    return rows_of(reading["keys"])


def _totals(columns: Sequence[str], lines: Sequence[str]) -> np.ndarray:
    return document_totals({"columns": list(columns), "totals": {"action": list(lines)}})["action"]
