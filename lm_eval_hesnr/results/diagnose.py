"""The findings of one or several runs: those of each run alone (`findings`), and those between neighbouring runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from lm_eval_hesnr.results.findings import LARGEST_WIDTH, Finding, Run, findings_of_run

SMALLEST_MOVE = 0.005
"""Smaller relative changes of a measure count as no change."""
COMPARED = (
    "k", "epsilon", "threshold", "score", "render", "label_rules", "scopes", "trajectories", "dtype", "tokenizer",
    "add_bos_token",
)  # fmt: skip
"""Keys of the signature that must be equal for two runs to be comparable."""
CONTEXT = ("window", "stride", "rope")
"""Keys of the signature that a context extension changes. Such runs are compared, with a finding."""
_ROPE_ONLY = (
    "the model encoded the positions differently",
    "a change can come from the model or from the RoPE scaling",
)
_OTHER_LENGTH = (
    "their tokens were scored with contexts of different length",
    "a change can come from the model or the context; to see the model alone, give both the same max_length",
)
"""Effect and advice for runs that differ in keys of `CONTEXT`."""


def diagnose(runs: Sequence[Run], width: float = LARGEST_WIDTH) -> list[Finding]:
    """The findings of each run, then those between neighbouring runs of one task.

    Args:
        runs: of one or several tasks, in the order of training.
        width: largest accepted half width of the 95 % interval of he_snr, relative to its value.
    """
    findings = []
    for run in runs:
        for finding in findings_of_run(run, width):
            evidence = f"{run.name}, {run.task}: {finding.evidence}" if len(runs) > 1 else finding.evidence
            findings.append(finding._replace(evidence=evidence))
    for task in dict.fromkeys(run.task for run in runs):
        series = [run for run in runs if run.task == task]
        pairs = [(before, after, _between(before, after)) for before, after in pairwise(series)]
        if len(series) > 1:
            pairs.append((series[0], series[-1], _flat(series[0], series[-1])))
        for before, after, found in pairs:
            where = f"{task}, {before.name} -> {after.name}"
            findings += [finding._replace(evidence=f"{where}: {finding.evidence}") for finding in found]
    return findings


def _differing(before: Run, after: Run, keys: Sequence[str]) -> list[str]:
    return [key for key in keys if before.config["signature"].get(key) != after.config["signature"].get(key)]


def _between(before: Run, after: Run) -> Iterator[Finding]:
    if differing := _differing(before, after, COMPARED):
        yield Finding(
            "not-comparable",
            f"the runs differ in {', '.join(differing)}",
            "this pair is not compared further; run both with the same settings",
        )
        return
    if differing := _differing(before, after, CONTEXT):
        effect, advice = _ROPE_ONLY if differing == ["rope"] else _OTHER_LENGTH
        yield Finding("other-context", f"the runs differ in {', '.join(differing)}: {effect}", advice)
    for scope in before.config.get("summary", {}):
        he_snr = before.value("he_snr", scope), after.value("he_snr", scope)
        ppl = before.value("ppl", scope), after.value("ppl", scope)
        accuracy = before.value("topk_acc", scope), after.value("topk_acc", scope)
        moves = _move(*he_snr), _move(*ppl)
        if None not in moves and moves[0] * moves[1] > 0:  # type: ignore[operator]
            yield Finding(
                "opposite",
                f"in {scope} he_snr goes {he_snr[0]:.4f} -> {he_snr[1]:.4f} and ppl {ppl[0]:.3f} -> {ppl[1]:.3f}",
                "after a context extension this is the long-context tax on ppl, after fine-tuning the alignment tax on "
                "he_snr; choose the checkpoint by the stage of training",
            )
        if None not in accuracy and accuracy[1] < accuracy[0] - 0.005:  # type: ignore[operator]
            yield Finding(
                "topk-falls",
                f"topk_acc,{scope} falls from {accuracy[0]:.4f} to {accuracy[1]:.4f}",
                "true tokens leave the set of candidates, which alone makes he_snr look better; raise k",
            )


def _move(before: float | None, after: float | None) -> float | None:
    """The relative change of a measure; None if a value is missing or 0, or the change is below `SMALLEST_MOVE`."""
    if not before or after is None or abs(after / before - 1) < SMALLEST_MOVE:
        return None
    return after / before - 1


def _flat(before: Run, after: Run) -> Iterator[Finding]:
    """A finding if the first and the last run of a series lie within each other's intervals."""
    if _differing(before, after, COMPARED):
        return
    for scope in before.config["summary"]:
        intervals = [run.config["summary"].get(scope, {}).get("intervals", {}).get("he_snr") for run in (before, after)]
        values = before.value("he_snr", scope), after.value("he_snr", scope)
        if None in intervals or None in values:
            continue
        if intervals[0][0] <= values[1] <= intervals[0][1] and intervals[1][0] <= values[0] <= intervals[1][1]:
            yield Finding(
                "flat",
                f"he_snr,{scope} moves from {values[0]:.4f} to {values[1]:.4f}, within both intervals",
                "use the paired difference (hesnr measure A B) on the same trajectories, or add trajectories",
            )
