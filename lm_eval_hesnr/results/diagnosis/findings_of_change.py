"""Findings about the change from one run to another: signs that the change of he_snr may mislead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lm_eval_hesnr.metrics.calibration import CALIBRATED
from lm_eval_hesnr.results.compare.verdict import LARGEST_LEFT
from lm_eval_hesnr.results.diagnosis.change import Change, changes, in_scopes, sizes
from lm_eval_hesnr.results.diagnosis.finding import ChangeFinding, Finding
from lm_eval_hesnr.results.diagnosis.set_change import SetChange, set_moved
from lm_eval_hesnr.results.run import Run

SMALLEST_FALL = 0.005
"""Smaller falls of topk_acc are not reported."""


def findings_of_change(before: Run, after: Run, scopes: Sequence[str]) -> Iterator[ChangeFinding]:
    """The findings about two runs, the most important first. A finding in several scopes is one line.

    Args:
        before: the earlier run.
        after: the later run.
        scopes: those that both runs have, and in which they are comparable.
    """
    found = changes(before, after, scopes)
    warmer = [change for change in found if _is_temperature(change)]
    other_sets = [SetChange.of(change) for change in found if change not in warmer]
    yield from _temperature(warmer)
    yield from _opposite([change for change in found if change.is_opposite and change not in warmer])
    yield from _topk_falls([change for change in found if _falls(change)])
    yield from set_moved(other_sets)
    hidden = [one.change for one in other_sets if one.hides]
    flat = [change for change in found if _is_flat(change) and change not in hidden]
    for paired in (True, False):
        yield from _flat([change for change in flat if _is_paired(change) == paired], paired)


def _is_temperature(change: Change) -> bool:
    values, calibrated = change.values("he_snr"), change.values(CALIBRATED)
    if change.move("he_snr") is None or values is None or calibrated is None:
        return False
    return abs(calibrated[1] - calibrated[0]) <= LARGEST_LEFT * abs(values[1] - values[0])


def _temperature(found: Sequence[Change]) -> Iterator[ChangeFinding]:
    if found:
        finding = Finding(
            "temperature",
            "he_snr moves, but not at the temperature that fits each run: "
            + "; ".join(f"{in_scopes([change], 'he_snr')}, {CALIBRATED} {_with_intervals(change)}" for change in found),
            "one model is only more confident than the other, as after a change of the sampling temperature; compare "
            f"{CALIBRATED}",
        )
        yield ChangeFinding(finding, sizes(found, "he_snr"))


def _with_intervals(change: Change) -> str:
    """calibrated_he_snr in both runs, each with its own interval: documents do not give its paired difference."""
    values, runs = change.values(CALIBRATED) or (), (change.before, change.after)
    found = (run.config["summary"][change.scope]["intervals"].get(CALIBRATED) for run in runs)
    return " -> ".join(
        f"{value:.4f} ({f'95 % {ends[0]:.4f} to {ends[1]:.4f}' if ends else 'no interval'})"
        for value, ends in zip(values, found, strict=True)
    )


def _opposite(found: Sequence[Change]) -> Iterator[ChangeFinding]:
    if found:
        finding = Finding(
            "opposite",
            f"he_snr and ppl disagree about which run is better: {in_scopes(found, 'he_snr', 'ppl')}",
            "it is not known which of both is right: tests of the paper's rule (believe he_snr after a context "
            f"extension, not after fine-tuning) are undecided; count solved tasks{_how_to_see_temperature(found)}",
        )
        yield ChangeFinding(finding, sizes(found, "he_snr"))


def _how_to_see_temperature(found: Sequence[Change]) -> str:
    """A higher or lower temperature looks the same. It is ruled out if the calibrated values are known."""
    is_known = all(change.values(CALIBRATED) for change in found)
    return "" if is_known else "; a change of temperature looks the same, and --metadata temperatures=true shows it"


def _falls(change: Change) -> bool:
    values = change.values("topk_acc")
    return values is not None and values[1] < values[0] - SMALLEST_FALL


def _topk_falls(found: Sequence[Change]) -> Iterator[ChangeFinding]:
    if found:
        finding = Finding(
            "topk-falls",
            f"fewer true tokens are among the candidates: {in_scopes(found, 'topk_acc')}",
            "true tokens leave the set of candidates, which alone makes he_snr look better; raise k",
        )
        yield ChangeFinding(finding, sizes(found, "topk_acc"))


def _is_paired(change: Change) -> bool:
    found = change.difference("he_snr")
    return found is not None and found.interval is not None


def _is_flat(change: Change) -> bool:
    """Whether 0 is in the interval of the paired difference; if it is not known, each value in the other's interval."""
    values, found = change.values("he_snr"), change.difference("he_snr")
    if values is None:
        return False
    if found and found.interval:
        return not found.is_clear
    summaries = [run.config["summary"][change.scope] for run in (change.before, change.after)]
    intervals = [summary["intervals"].get("he_snr") for summary in summaries]
    if None in intervals:
        return False
    return all(low <= value <= high for (low, high), value in zip(intervals, reversed(values), strict=True))


def _flat(found: Sequence[Change], paired: bool) -> Iterator[ChangeFinding]:
    """Without numbers, so that a long series in which nothing moves is one line."""
    if not found:
        return
    scopes = ", ".join(change.scope for change in found)
    if paired:
        evidence = f"the 95 % interval of the paired difference of he_snr contains 0 ({scopes})"
        advice = "do not rank these runs by he_snr; hesnr measure A B says how many trajectories would tell them apart"
    else:
        evidence = f"each value of he_snr is in the interval of the other ({scopes})"
        advice = "use the paired difference (hesnr measure A B) on the same trajectories, or add trajectories"
    yield ChangeFinding(Finding("flat", evidence, advice), {change.scope: 0 for change in found})
