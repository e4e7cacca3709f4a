"""Findings about the change from one run to another: signs that the change of he_snr may mislead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from lm_eval_hesnr.metrics.bootstrap import Difference
from lm_eval_hesnr.results.change import Change, changes
from lm_eval_hesnr.results.finding import Finding
from lm_eval_hesnr.results.findings import Run
from lm_eval_hesnr.results.set_change import parts_of_change

SMALLEST_FALL = 0.005
"""Smaller falls of topk_acc are not reported."""
LEFT_AFTER_CALIBRATION = 0.25
"""A change of he_snr comes from the temperature if at most this share of it is left in calibrated_he_snr. The share is
not 0, because the temperatures are fitted. With the embedded model, it is 0.05 at the temperature 0.8, 0.02 at 1.25,
and 0.6 if the true logits of the easiest decisions rise by 1."""
LEAST_MOVE_OF_PPL = 0.05
"""If ppl changes by less than this fraction, the set of decisions is not looked at."""
LARGEST_SHARE_OF_PPL = 0.2
"""he_snr hardly moves if its relative change is at most this share of that of ppl. With the embedded model, the share
is 0.04 if a random half of the true logits rises by 1, and also if noise is added to all logits. In both cases, other
decisions hide the change. At the temperature 0.8 it is 0.4."""
_LARGEST_SHARE_WITH_TABLES = 0.5
"""Token tables are read only if the share is at most this, because reading many takes minutes."""
LARGEST_REMAINDER = 0.5
"""Other decisions hide a change of he_snr if at most this share of the change on the common decisions is left."""

_CALIBRATED = "calibrated_he_snr"


def findings_of_change(before: Run, after: Run) -> Iterator[Finding]:
    """The findings about two comparable runs, the most important first. A finding in several scopes is one line."""
    found = changes(before, after)
    warmer = [change for change in found if _is_temperature(change)]
    decomposed, hidden = _set_moves([change for change in found if change not in warmer])
    yield from _temperature(warmer)
    yield from _opposite([change for change in found if _is_opposite(change) and change not in warmer])
    yield from _topk_falls([change for change in found if _falls(change)])
    yield from _set_moved(decomposed, hidden)
    flat = [change for change in found if _is_flat(change) and change not in decomposed]
    for paired in (True, False):
        yield from _flat([change for change in flat if _is_paired(change) == paired], paired)


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
            f"he_snr; choose the checkpoint by the stage of training{_how_to_see_temperature(found)}",
        )


def _how_to_see_temperature(found: Sequence[Change]) -> str:
    """A higher or lower temperature looks the same. It is ruled out if the calibrated values are known."""
    is_known = all(change.values(_CALIBRATED) for change in found)
    return "" if is_known else "; a change of temperature looks the same, and --metadata temperatures=true shows it"


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


def _set_moves(found: Sequence[Change]) -> tuple[dict[Change, Mapping[str, Difference]], list[Change]]:
    """The changes whose parts cancel, with these parts; and those whose parts are not known, but may cancel."""
    decomposed: dict[Change, Mapping[str, Difference]] = {}
    hidden = []
    for change in found:
        values, ppl = change.values("he_snr"), change.move("ppl") or 0
        if values is None or not values[0] or abs(ppl) < LEAST_MOVE_OF_PPL:
            continue
        share = abs((values[1] / values[0] - 1) / ppl)
        parts = parts_of_change(change) if share <= _LARGEST_SHARE_WITH_TABLES else None
        if parts and _cancel(parts):
            decomposed[change] = parts
        elif not parts and share <= LARGEST_SHARE_OF_PPL:
            hidden.append(change)
    return decomposed, hidden


def _cancel(parts: Mapping[str, Difference]) -> bool:
    """Whether he_snr changes on the common decisions, and other decisions remove at least half of this change."""
    total, within = parts["total"].value, parts["within"]
    is_real = within.interval is not None and not within.interval.low <= 0 <= within.interval.high
    return is_real and abs(total) <= LARGEST_REMAINDER * abs(within.value)


def _set_moved(decomposed: Mapping[Change, Mapping[str, Difference]], hidden: Sequence[Change]) -> Iterator[Finding]:
    if decomposed:
        texts = [
            f"{_in_scopes([change], 'he_snr')} (common decisions {parts['within'].value:+.4f}, entering "
            f"{parts['entering'].value:+.4f}, leaving {parts['leaving'].value:+.4f})"
            for change, parts in decomposed.items()
        ]
        evidence = f"tokens that enter or leave the decisions hide at least half of a change: {'; '.join(texts)}"
        advice = "compare both runs on the same tokens: hesnr measure A B --set-of A, with their token tables"
        yield Finding("set-moved", evidence, advice)
    if hidden:
        yield Finding(
            "set-moved",
            f"ppl moves and he_snr hardly: {_in_scopes(hidden, 'he_snr', 'ppl')}",
            "tokens that enter or leave the decisions may hide a change; from token tables, hesnr measure A B shows it "
            "with --decompose and with --set-of A",
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
