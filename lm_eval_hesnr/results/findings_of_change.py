"""Findings about the change from one run to another: signs that the change of he_snr may mislead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lm_eval_hesnr.results.change import Change, changes
from lm_eval_hesnr.results.findings import Finding, Run

SMALLEST_FALL = 0.005
"""Smaller falls of topk_acc are not reported."""
LEFT_AFTER_CALIBRATION = 0.25
"""A change of he_snr comes from the temperature if at most this share of it is left in calibrated_he_snr. The share is
not 0, because the temperatures are fitted."""
LEAST_CHANGE_OF_SET = 0.05
"""The set of decisions has moved if their number changes by this fraction while he_snr does not move."""

_CALIBRATED = "calibrated_he_snr"


def findings_of_change(before: Run, after: Run) -> Iterator[Finding]:
    """The findings about two comparable runs, the most important first. A finding in several scopes is one line."""
    found = changes(before, after)
    warmer = [change for change in found if _is_temperature(change)]
    moved = [change for change in found if _is_set_moved(change)]
    yield from _temperature(warmer)
    yield from _opposite([change for change in found if _is_opposite(change) and change not in warmer])
    yield from _topk_falls([change for change in found if _falls(change)])
    yield from _set_moved(moved)
    for paired in (True, False):
        yield from _flat([c for c in found if _is_flat(c) and _is_paired(c) == paired and c not in moved], paired)


def _in_scopes(found: Sequence[Change], *names: str) -> str:
    """Each scope with the values of these measures: `action he_snr 0.1040 -> 0.1052, ppl 3.120 -> 3.050; all ...`."""
    decimals = {"ppl": 3, "decisions": 0}
    return "; ".join(
        f"{change.scope} " + ", ".join(f"{name} {change.text(name, decimals.get(name, 4))}" for name in names)
        for change in found
    )


def _is_temperature(change: Change) -> bool:
    values, calibrated = change.values("he_snr"), change.values(_CALIBRATED)
    if change.move("he_snr") is None or values is None or calibrated is None:
        return False
    return abs(calibrated[1] - calibrated[0]) <= LEFT_AFTER_CALIBRATION * abs(values[1] - values[0])


def _temperature(found: Sequence[Change]) -> Iterator[Finding]:
    if found:
        yield Finding(
            "temperature",
            f"he_snr moves, but not at the temperature that fits each run: {_in_scopes(found, 'he_snr', _CALIBRATED)}",
            "one model is only more confident than the other, as after a change of the sampling temperature; compare "
            f"{_CALIBRATED}",
        )


def _is_opposite(change: Change) -> bool:
    he_snr, ppl = change.move("he_snr"), change.move("ppl")
    return he_snr is not None and ppl is not None and he_snr * ppl > 0


def _opposite(found: Sequence[Change]) -> Iterator[Finding]:
    if found:
        yield Finding(
            "opposite",
            f"he_snr and ppl disagree about which run is better: {_in_scopes(found, 'he_snr', 'ppl')}",
            "after a context extension this is the long-context tax on ppl, after fine-tuning the alignment tax on "
            "he_snr; choose the checkpoint by the stage of training",
        )


def _falls(change: Change) -> bool:
    values = change.values("topk_acc")
    return values is not None and values[1] < values[0] - SMALLEST_FALL


def _topk_falls(found: Sequence[Change]) -> Iterator[Finding]:
    if found:
        yield Finding(
            "topk-falls",
            f"fewer true tokens are among the candidates: {_in_scopes(found, 'topk_acc')}",
            "true tokens leave the set of candidates, which alone makes he_snr look better; raise k",
        )


def _is_set_moved(change: Change) -> bool:
    if change.values("he_snr") is None or change.move("he_snr") is not None:
        return False
    return abs(change.move("decisions") or 0) >= LEAST_CHANGE_OF_SET and change.move("ppl") is not None


def _set_moved(found: Sequence[Change]) -> Iterator[Finding]:
    if found:
        yield Finding(
            "set-moved",
            f"he_snr does not move, but other tokens are decisions: {_in_scopes(found, 'he_snr', 'decisions', 'ppl')}",
            "easy tokens that leave the set hide what became better; compare the same tokens with hesnr measure "
            "--set-of, which needs token tables",
        )


def _is_paired(change: Change) -> bool:
    found = change.difference("he_snr")
    return found is not None and found.interval is not None


def _is_flat(change: Change) -> bool:
    """Whether 0 is in the interval of the paired difference; if it is not known, each value in the other's interval."""
    values, found = change.values("he_snr"), change.difference("he_snr")
    if values is None:
        return False
    if found and found.interval:
        return found.interval.low <= 0 <= found.interval.high
    summaries = [run.config["summary"][change.scope] for run in (change.before, change.after)]
    intervals = [summary["intervals"].get("he_snr") for summary in summaries]
    if None in intervals:
        return False
    return all(low <= value <= high for (low, high), value in zip(intervals, reversed(values), strict=True))


def _flat(found: Sequence[Change], paired: bool) -> Iterator[Finding]:
    """Without numbers, so that a long series in which nothing moves is one line."""
    scopes = ", ".join(change.scope for change in found)
    if found and paired:
        evidence = f"the 95 % interval of the paired difference of he_snr contains 0 ({scopes})"
        advice = "do not rank these runs by he_snr; hesnr measure A B says how many trajectories would tell them apart"
        yield Finding("flat", evidence, advice)
    elif found:
        evidence = f"each value of he_snr is in the interval of the other ({scopes})"
        advice = "use the paired difference (hesnr measure A B) on the same trajectories, or add trajectories"
        yield Finding("flat", evidence, advice)
