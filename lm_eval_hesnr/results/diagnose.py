"""What may be wrong with a result, by the failure signatures of the paper and those we know: evidence and advice.

A finding is not a verdict. Each names what was seen and what to do; thresholds stand beside the rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

WIDTH_WANTED = 0.1
"""Half the 95 % interval of he_snr over its value; checkpoints that differ by less cannot be told apart."""
TOP_MASS_WANTED = 0.98
"""The paper saw the top 10 hold 99.6 % of the probability."""
INFLUENCE_ALLOWED = 0.1
"""How much of he_snr one trajectory may carry."""
NEAR_EPSILON_ALLOWED = 0.006
"""Share of tokens within 0.01 nats of epsilon above which low precision moves the set of decisions."""
SMALLEST_MOVE = 0.005
"""Relative change of a measure below which no direction is read into it."""
COMPARED = (
    "k", "epsilon", "threshold", "score", "render", "label_rules", "scopes", "trajectories", "dtype", "tokenizer",
    "add_bos_token",
)  # fmt: skip
"""What of the signature must agree for two numbers to be comparable."""
CONTEXT = ("window", "stride", "rope")
"""What differs before and after a context extension, and is then part of what is compared."""
LOW_PRECISION = ("bfloat16", "float16", "float8")


class Finding(NamedTuple):
    """One thing to look at."""

    code: str
    evidence: str
    advice: str

    def __str__(self) -> str:
        return f"{self.code}: {self.evidence}; {self.advice}"


class Run(NamedTuple):
    """One results JSON's part on one of our tasks."""

    name: str
    task: str
    results: Mapping[str, Any]
    """`<measure>,<scope>` to value."""
    config: Mapping[str, Any]
    """The task's configuration with signature, counts and summary."""

    def value(self, measure: str, scope: str) -> float | None:
        """A measure, or None where there is no number."""
        found = self.results.get(f"{measure},{scope}")
        return float(found) if isinstance(found, (int, float)) else None


def runs_of(data: Mapping[str, Any], name: str) -> list[Run]:
    """Every task of ours in a decoded results JSON; raises ValueError when there is none, or it lacks a part."""
    configs = data.get("configs") if isinstance(data, dict) else None
    ours = [task for task, config in (configs or {}).items() if isinstance(config, dict) and "signature" in config]
    if not ours:
        raise ValueError("no swe_hesnr results in it; expected the results_*.json that lm_eval --output_path writes")
    for task in ours:
        summaries = data["configs"][task].get("summary")
        whole = isinstance(summaries, dict) and all("intervals" in told for told in summaries.values())
        if not whole or not isinstance(data.get("results", {}).get(task), dict):
            raise ValueError(
                f"{task}: 'results' or 'summary' with 'intervals' is missing: not whole, or not of this package"
            )
    return [Run(name, task, data["results"][task], data["configs"][task]) for task in ours]


def diagnose(runs: Sequence[Run], width: float = WIDTH_WANTED) -> list[Finding]:
    """What to look at in each run by itself, then between neighbours of one task, in the order given (of training).

    Args:
        runs: of one task or several.
        width: half the 95 % interval of he_snr over its value that is wanted.
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
    for scope, told in run.config.get("summary", {}).items():
        yield from _few_decisions(run, scope, told, width)
        yield from _narrow_candidates(run, scope)
        yield from _one_trajectory(scope, told)
        yield from _one_label(run, scope)
        yield from _precision(run, scope, told)
    yield from _windows(run)
    yield from _own_family(run)


def _few_decisions(run: Run, scope: str, told: Mapping[str, Any], wanted: float) -> Iterator[Finding]:
    value, decisions = run.value("he_snr", scope), run.value("decisions", scope)
    interval = told["intervals"].get("he_snr")
    if not value or decisions is None:  # none, or 0: then there is nothing to compare
        return
    if interval is None:
        yield Finding(
            "no-interval",
            f"he_snr,{scope}: {decisions:.0f} decisions in {told['documents']} trajectories give no interval",
            "add trajectories before comparing anything",
        )
        return
    half = (interval[1] - interval[0]) / 2 / value
    if half > wanted:
        widths = told.get("he_snr_interval_width_by_documents") or {}
        enough = [size for size, width in widths.items() if width / 2 / value <= wanted]
        more = f"about {min(map(int, enough))} trajectories like these would do" if enough else "add trajectories"
        yield Finding(
            "few-decisions",
            f"he_snr,{scope} = {value:.4f} is known to +-{100 * half:.0f} % only "
            f"({decisions:.0f} decisions in {told['documents']} trajectories)",
            f"do not rank checkpoints that differ by less; {more}",
        )


def _narrow_candidates(run: Run, scope: str) -> Iterator[Finding]:
    mass = run.value("mean_top_mass", scope)
    if mass is not None and mass < TOP_MASS_WANTED:
        yield Finding(
            "candidates-too-few",
            f"the {run.config['signature'].get('k')} candidates hold {100 * mass:.1f} % of the probability in {scope}",
            f"below {100 * TOP_MASS_WANTED:.0f} % no verdict on the long-context tax is safe; raise k, watch topk_acc",
        )


def _one_trajectory(scope: str, told: Mapping[str, Any]) -> Iterator[Finding]:
    worst = told.get("largest_influence")
    if worst and (worst["share"] is None or worst["share"] > INFLUENCE_ALLOWED):
        change = "not exist" if worst["share"] is None else f"change by {100 * worst['share']:.0f} %"
        yield Finding(
            "one-trajectory",
            f"without {worst.get('id', worst['document'])} he_snr,{scope} would {change}",
            "look at that trajectory, and add others",
        )


def _one_label(run: Run, scope: str) -> Iterator[Finding]:
    counts = (run.config.get("decisions_by_label") or {}).get(scope) or {}
    label, most = max(counts.items(), key=lambda item: item[1], default=("", 0))
    if len(counts) > 1 and most > 0.9 * sum(counts.values()):
        yield Finding(
            "one-label",
            f"{100 * most / sum(counts.values()):.0f} % of the decisions in {scope} are {label}",
            f"read the scope as one of {label}, or print that scope by itself",
        )


def _precision(run: Run, scope: str, told: Mapping[str, Any]) -> Iterator[Finding]:
    dtype, near = str(run.config["signature"].get("dtype")), told.get("near_epsilon")
    if dtype.startswith(LOW_PRECISION) and near is not None and near > NEAR_EPSILON_ALLOWED:
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
            f"{100 * short / scored:.1f} % of the scored tokens saw less than everything before them "
            f"(window {run.config['signature'].get('window')}, stride {run.config['signature'].get('stride')})",
            "compare only with runs of the same window; use max_tokens, a smaller stride or a longer context",
        )


def _own_family(run: Run) -> Iterator[Finding]:
    evaluated = _family(str(run.config["signature"].get("model")))
    own = [model for model in run.config.get("generated_by") or {} if evaluated and _family(model) == evaluated]
    if own:
        yield Finding(
            "own-family",
            f"trajectories were generated by {', '.join(sorted(own))}, of the evaluated model's own family",
            "a model finds its own words easy: use trajectories of another family, or several",
        )


def _differing(before: Run, after: Run, keys: Sequence[str]) -> list[str]:
    return [key for key in keys if before.config["signature"].get(key) != after.config["signature"].get(key)]


def _between(before: Run, after: Run) -> Iterator[Finding]:
    if differing := _differing(before, after, COMPARED):
        yield Finding(
            "not-comparable",
            f"the runs differ in {', '.join(differing)}",
            "nothing else is said of this pair; run both with the same settings",
        )
        return
    if differing := _differing(before, after, CONTEXT):
        yield Finding(
            "other-context",
            f"the runs differ in {', '.join(differing)}: tokens were scored with more or less text before them",
            "a change is of the model and of what it read; for the model alone give both the same max_length",
        )
    for scope in before.config.get("summary", {}):
        he_snr = before.value("he_snr", scope), after.value("he_snr", scope)
        ppl = before.value("ppl", scope), after.value("ppl", scope)
        accuracy = before.value("topk_acc", scope), after.value("topk_acc", scope)
        moves = _move(*he_snr), _move(*ppl)
        if None not in moves and moves[0] * moves[1] > 0:  # type: ignore[operator]
            yield Finding(
                "opposite",
                f"in {scope} he_snr goes {he_snr[0]:.4f} -> {he_snr[1]:.4f} and ppl {ppl[0]:.3f} -> {ppl[1]:.3f}",
                "after a context extension this is the long-context tax on ppl; after fine-tuning the alignment tax on "
                "he_snr; say which stage this is before choosing",
            )
        if None not in accuracy and accuracy[1] < accuracy[0] - 0.005:  # type: ignore[operator]
            yield Finding(
                "topk-falls",
                f"topk_acc,{scope} falls from {accuracy[0]:.4f} to {accuracy[1]:.4f}",
                "true tokens leave the candidate set: he_snr then looks better than the model is; raise k",
            )


def _move(before: float | None, after: float | None) -> float | None:
    """The relative change of a measure; None without one, or where it is within rounding of training noise."""
    if not before or after is None or abs(after / before - 1) < SMALLEST_MOVE:
        return None
    return after / before - 1


def _flat(before: Run, after: Run) -> Iterator[Finding]:
    """Over a whole series: its ends within each other's intervals."""
    if _differing(before, after, COMPARED):
        return
    for scope in before.config["summary"]:
        told = [run.config["summary"].get(scope, {}).get("intervals", {}).get("he_snr") for run in (before, after)]
        values = before.value("he_snr", scope), after.value("he_snr", scope)
        if None in told or None in values:
            continue
        if told[0][0] <= values[1] <= told[0][1] and told[1][0] <= values[0] <= told[1][1]:
            yield Finding(
                "flat",
                f"he_snr,{scope} moves from {values[0]:.4f} to {values[1]:.4f}, within both intervals",
                "use the paired difference (hesnr measure A B) on the same trajectories, or add trajectories",
            )


def _family(model: str) -> str:
    """The first word of a model's name: `qwen` of Qwen/Qwen2.5-Coder-0.5B."""
    found = re.match(r"[a-z]+", model.rsplit("/", 1)[-1].lower())
    return found.group() if found else ""
