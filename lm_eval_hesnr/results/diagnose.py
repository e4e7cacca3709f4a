"""Findings: signs that a result may mislead, each with evidence and advice. They come from the paper and our own runs.

A finding is not a proof. It states what was observed and what to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

LARGEST_WIDTH = 0.1
"""Largest accepted half width of the 95 % interval of he_snr, relative to its value."""
SMALLEST_TOP_MASS = 0.98
"""Smallest accepted total probability of the k candidates. In the paper, the top 10 hold 99.6 %."""
LARGEST_INFLUENCE = 0.1
"""Largest accepted relative change of he_snr when one trajectory is left out."""
LARGEST_NEAR_EPSILON = 0.006
"""Largest accepted share of tokens within 0.01 nats of epsilon. Above it, low precision changes the set of
decisions."""
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
LOW_PRECISION = ("bfloat16", "float16", "float8")


class Finding(NamedTuple):
    """One finding."""

    code: str
    evidence: str
    advice: str

    def __str__(self) -> str:
        return f"{self.code}: {self.evidence}; {self.advice}"


class Run(NamedTuple):
    """The results of one run on one of our tasks."""

    name: str
    task: str
    results: Mapping[str, Any]
    """`<measure>,<scope>` to value."""
    config: Mapping[str, Any]
    """The task's configuration, with signature, counts and summary."""

    def value(self, measure: str, scope: str) -> float | None:
        """The value of a measure; None if it has no number."""
        found = self.results.get(f"{measure},{scope}")
        return float(found) if isinstance(found, (int, float)) else None


def runs_of(data: Mapping[str, Any], name: str) -> list[Run]:
    """One `Run` for each of our tasks in a decoded results JSON.

    Raises:
        ValueError: the JSON does not contain any of our tasks, or a task is incomplete.
    """
    configs = data.get("configs") if isinstance(data, dict) else None
    ours = [task for task, config in (configs or {}).items() if isinstance(config, dict) and "signature" in config]
    if not ours:
        raise ValueError("it has no swe_hesnr results; expected the results_*.json that lm_eval --output_path writes")
    for task in ours:
        summaries = data["configs"][task].get("summary")
        whole = isinstance(summaries, dict) and all(map(_has_intervals, summaries.values()))
        if not whole or not isinstance(data.get("results", {}).get(task), dict):
            raise ValueError(
                f"{task}: 'results' or 'summary' with 'intervals' of two numbers is missing; the file is not complete, "
                "or another program wrote it"
            )
    return [Run(name, task, data["results"][task], data["configs"][task]) for task in ours]


def _has_intervals(summary: Any) -> bool:
    """Whether the summary of a scope has an interval, or null, for each measure."""
    intervals = summary.get("intervals") if isinstance(summary, dict) else None
    return isinstance(intervals, dict) and all(
        one is None or (isinstance(one, list) and len(one) == 2 and all(type(end) in (int, float) for end in one))
        for one in intervals.values()
    )


def diagnose(runs: Sequence[Run], width: float = LARGEST_WIDTH) -> list[Finding]:
    """The findings of each run, then those between neighbouring runs of one task.

    Args:
        runs: of one or several tasks, in the order of training.
        width: largest accepted half width of the 95 % interval of he_snr, relative to its value.
    """
    findings = []
    for run in runs:
        for finding in _alone(run, width):
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


def _alone(run: Run, width: float) -> Iterator[Finding]:
    for scope, summary in run.config.get("summary", {}).items():
        yield from _few_decisions(run, scope, summary, width)
        yield from _narrow_candidates(run, scope)
        yield from _one_trajectory(scope, summary)
        yield from _one_label(run, scope)
        yield from _precision(run, scope, summary)
    yield from _windows(run)
    yield from _own_family(run)


def _few_decisions(run: Run, scope: str, summary: Mapping[str, Any], largest: float) -> Iterator[Finding]:
    value, decisions = run.value("he_snr", scope), run.value("decisions", scope)
    interval = summary["intervals"].get("he_snr")
    if not value or decisions is None:  # the half width is relative to the value, so it needs a value other than 0
        return
    if interval is None:
        yield Finding(
            "no-interval",
            f"he_snr,{scope} has no interval: {decisions:.0f} decisions in {summary['documents']} trajectories",
            "add trajectories before you compare checkpoints",
        )
        return
    half = (interval[1] - interval[0]) / 2 / value
    if half > largest:
        widths = summary.get("he_snr_interval_width_by_documents") or {}
        enough = [size for size, width in widths.items() if width / 2 / value <= largest]
        more = f"about {min(map(int, enough))} trajectories like these are enough" if enough else "add trajectories"
        yield Finding(
            "few-decisions",
            f"he_snr,{scope} = {value:.4f} is known only to +-{100 * half:.0f} % "
            f"({decisions:.0f} decisions in {summary['documents']} trajectories)",
            f"do not rank checkpoints that differ by less than this; {more}",
        )


def _narrow_candidates(run: Run, scope: str) -> Iterator[Finding]:
    mass = run.value("mean_top_mass", scope)
    if mass is not None and mass < SMALLEST_TOP_MASS:
        yield Finding(
            "candidates-too-few",
            f"the {run.config['signature'].get('k')} candidates hold {100 * mass:.1f} % of the probability in {scope}",
            f"below {100 * SMALLEST_TOP_MASS:.0f} %, do not judge the long-context tax; raise k, and look at topk_acc",
        )


def _one_trajectory(scope: str, summary: Mapping[str, Any]) -> Iterator[Finding]:
    worst = summary.get("largest_influence")
    if worst and (worst["share"] is None or worst["share"] > LARGEST_INFLUENCE):
        change = "have no value" if worst["share"] is None else f"change by {100 * worst['share']:.0f} %"
        yield Finding(
            "one-trajectory",
            f"without {worst.get('id', worst['document'])} he_snr,{scope} would {change}",
            "read that trajectory, and add others",
        )


def _one_label(run: Run, scope: str) -> Iterator[Finding]:
    counts = (run.config.get("decisions_by_label") or {}).get(scope) or {}
    label, most = max(counts.items(), key=lambda item: item[1], default=("", 0))
    if len(counts) > 1 and most > 0.9 * sum(counts.values()):
        yield Finding(
            "one-label",
            f"{100 * most / sum(counts.values()):.0f} % of the decisions in {scope} are {label}",
            f"this scope mainly measures {label}; you can report a scope with that label alone",
        )


def _precision(run: Run, scope: str, summary: Mapping[str, Any]) -> Iterator[Finding]:
    dtype, near = str(run.config["signature"].get("dtype")), summary.get("near_epsilon")
    if dtype.startswith(LOW_PRECISION) and near is not None and near > LARGEST_NEAR_EPSILON:
        yield Finding(
            "precision-at-threshold",
            f"{100 * near:.2f} % of the tokens in {scope} lie within 0.01 nats of epsilon, and the dtype is {dtype}",
            "run one checkpoint with dtype=float32 to see how far the numbers move",
        )


def _windows(run: Run) -> Iterator[Finding]:
    counts = run.config.get("trajectories", {})
    short, scored = counts.get("short_context_tokens", 0), counts.get("scored_tokens", 0)
    if short and scored:
        yield Finding(
            "windows",
            f"{100 * short / scored:.1f} % of the scored tokens had a truncated context "
            f"(window {run.config['signature'].get('window')}, stride {run.config['signature'].get('stride')})",
            "compare only runs with the same window; or use max_tokens, a smaller stride or a longer context",
        )


def _own_family(run: Run) -> Iterator[Finding]:
    evaluated = _family(str(run.config["signature"].get("model")))
    own = [model for model in run.config.get("generated_by") or {} if evaluated and _family(model) == evaluated]
    if own:
        yield Finding(
            "own-family",
            f"trajectories were generated by {', '.join(sorted(own))}, of the same family as the evaluated model",
            "a model gives high probability to text of its own family: use trajectories of other families",
        )


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


def _family(model: str) -> str:
    """The first word of a model's name: `qwen` of Qwen/Qwen2.5-Coder-0.5B."""
    found = re.match(r"[a-z]+", model.rsplit("/", 1)[-1].lower())
    return found.group() if found else ""
