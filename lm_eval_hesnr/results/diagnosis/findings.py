"""Findings about one run: signs that its result may mislead. They come from the paper and from our own runs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lm_eval_hesnr.messages.counts import counted
from lm_eval_hesnr.metrics.measures import HIGHER_IS_BETTER
from lm_eval_hesnr.results.diagnosis.finding import Finding
from lm_eval_hesnr.results.run import Run

LARGEST_WIDTH = 0.1
"""Largest accepted half width of the 95 % interval of he_snr, relative to its value."""
SMALLEST_TOP_MASS = 0.98
"""Smallest accepted total probability of the k candidates. In the paper, the top 10 hold 99.6 %."""
LARGEST_INFLUENCE = 0.1
"""Largest accepted relative change of he_snr when one trajectory is left out."""
LARGEST_NEAR_EPSILON = 0.006
"""Largest accepted share of tokens within 0.01 nats of epsilon. Above it, low precision changes the set of
decisions."""
LARGEST_MISCALIBRATION = 0.1
"""Largest accepted relative difference of self_he_snr and he_snr. With the embedded model and with SmolLM2-135M, it is
0.04 and 0.03 at their own temperature, 0.01 and -0.02 at the temperature 1.25, and 0.13 and 0.12 at 0.8, where he_snr
is higher by 11 % and 3 % (docs/measures.md)."""
LOW_PRECISION = ("bfloat16", "float16", "float8")


def findings_of_run(run: Run, width: float = LARGEST_WIDTH) -> Iterator[Finding]:
    """The findings of one run, the most important first. A finding in several scopes is one line that names them."""
    summaries = run.config.get("summary", {})
    yield from _missing_numbers(run, summaries)
    yield from _not_fitted(summaries)
    yield from _constant_logits(run, summaries)
    yield from _few_decisions(run, summaries, width)
    yield from _not_calibrated(run, summaries)
    yield from _narrow_candidates(run, summaries)
    yield from _windows(run)
    yield from _one_trajectory(summaries)
    yield from _precision(run, summaries)
    yield from _own_family(run)
    yield from _one_label(run, summaries)


def _by(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, list[tuple[Any, ...]]]]:
    """Each first element of the rows, with the columns of the remaining elements of the rows that begin with it."""
    rows = list(rows)
    for key in dict.fromkeys(row[0] for row in rows):
        yield key, list(zip(*(row[1:] for row in rows if row[0] == key), strict=True))


def _paired(scopes: Iterable[str], values: Iterable[str]) -> str:
    """Each scope with its value: `action 95 %, all 93 %`."""
    return ", ".join(f"{scope} {value}" for scope, value in zip(scopes, values, strict=True))


def _missing_numbers(run: Run, summaries: Mapping[str, Any]) -> Iterator[Finding]:
    """One finding per reason, with the measures and scopes that have no number for this reason."""
    method, k = run.config["signature"].get("threshold"), run.config["signature"].get("k")
    rows: list[tuple[Any, ...]] = []
    for scope, summary in summaries.items():
        present = [name for name in HIGHER_IS_BETTER if f"{name},{scope}" in run.results]
        missing = ", ".join(name for name in present if run.value(name, scope) is None)
        if summary.get("tokens") == 0:
            reason = "the scope has no scored token", "add trajectories with such text; hesnr show prints the labels"
        elif "epsilon" in summary and summary["epsilon"] is None:
            reason = f"threshold={method} found no threshold", "use threshold=static, or add trajectories"
        elif run.value("decisions", scope):
            reason = "stored scores of an older version lack what they need", "score again with another score_store"
        else:
            above = f" with entropy > {summary['epsilon']:g}" if summary.get("epsilon") is not None else ""
            reason = f"no token{above} is among the {k} candidates", "add trajectories, or lower epsilon"
        if missing:
            rows.append(((missing, *reason), scope))
    for (missing, reason, advice), (scopes,) in _by(rows):
        yield Finding("no-number", f"{missing} ({', '.join(scopes)}): N/A, {reason}", advice)


def _not_fitted(summaries: Mapping[str, Any]) -> Iterator[Finding]:
    """One finding per reason why calibrated_he_snr has no number, with its scopes."""
    reasons = {scope: (summary.get("calibration") or {}).get("reason") for scope, summary in summaries.items()}
    for reason, (scopes,) in _by((reason, scope) for scope, reason in reasons.items() if reason):
        yield Finding(
            "temperature-not-fitted",
            f"calibrated_he_snr ({', '.join(scopes)}): N/A, {reason}",
            "compare self_he_snr and he_snr, which need no temperature",
        )


def _constant_logits(run: Run, summaries: Mapping[str, Any]) -> Iterator[Finding]:
    """All candidates are equally likely at every token: their entropy is ln k, the largest possible value."""
    k = run.config["signature"].get("k")
    if not isinstance(k, int) or k < 2:  # one candidate alone always has an entropy of 0 = ln 1
        return
    means = {scope: run.value("mean_entropy", scope) for scope in summaries}
    if equal := [scope for scope, mean in means.items() if mean is not None and abs(mean - math.log(k)) < 1e-6]:
        yield Finding(
            "constant-logits",
            f"mean_entropy ({', '.join(equal)}) is ln {k}: at every token, the {k} candidates are equally likely",
            "the model gives every token the same probability; check the weights",
        )


def _few_decisions(run: Run, summaries: Mapping[str, Any], largest: float) -> Iterator[Finding]:
    without: list[tuple[Any, ...]] = []
    wide: list[tuple[Any, ...]] = []
    for scope, summary in summaries.items():
        value, n_decisions = run.value("he_snr", scope), run.value("decisions", scope)
        interval, n_documents = summary["intervals"].get("he_snr"), counted(summary["documents"], "trajectory")
        if not value or n_decisions is None:  # the half width is relative to the value: it needs a value other than 0
            continue
        if interval is None:
            without.append((n_documents, scope, f"{n_decisions:.0f}"))
        elif (half := (interval[1] - interval[0]) / 2 / value) > largest:
            widths = summary.get("he_snr_interval_width_by_documents") or {}
            least = min((int(size) for size, width in widths.items() if width / 2 / value <= largest), default=None)
            known = f"{value:.4f} +-{100 * half:.0f} % ({n_decisions:.0f} decisions)"
            wide.append((n_documents, scope, known, least))
    for documents, (scopes, decisions) in _by(without):
        yield Finding(
            "no-interval",
            f"he_snr has no interval: decisions {_paired(scopes, decisions)} in {documents}",
            "add trajectories before you compare checkpoints",
        )
    for documents, (scopes, values, enough) in _by(wide):
        more = (
            "add trajectories" if None in enough else f"about {counted(max(enough), 'trajectory')} like these would do"
        )
        yield Finding(
            "few-decisions",
            f"he_snr has a wide interval: {_paired(scopes, values)}, in {documents}",
            f"do not rank checkpoints that differ by less than this; {more}",
        )


def _not_calibrated(run: Run, summaries: Mapping[str, Any]) -> Iterator[Finding]:
    """he_snr is far from the value that is expected if the model's own probabilities are true."""
    rows: list[tuple[Any, ...]] = []
    for scope, summary in summaries.items():
        value, expected = run.value("he_snr", scope), run.value("self_he_snr", scope)
        interval = summary["intervals"].get("he_snr")
        if not value or expected is None or interval is None or interval[0] <= expected <= interval[1]:
            continue
        if abs(expected / value - 1) > LARGEST_MISCALIBRATION:
            rows.append((expected > value, scope, f"{value:.4f} (self_he_snr {expected:.4f})"))
    for is_too_confident, (scopes, values) in _by(rows):
        yield Finding(
            "not-calibrated",
            f"at its decisions, the model is {'too' if is_too_confident else 'not'} confident"
            f"{'' if is_too_confident else ' enough'}: he_snr {_paired(scopes, values)}",
            "a change of the temperature alone would move he_snr; compare calibrated_he_snr (--metadata "
            "temperatures=true)",
        )


def _narrow_candidates(run: Run, summaries: Mapping[str, Any]) -> Iterator[Finding]:
    masses = {scope: run.value("mean_top_mass", scope) for scope in summaries}
    small = {scope: f"{100 * mass:.1f} %" for scope, mass in masses.items() if mass and mass < SMALLEST_TOP_MASS}
    if small:
        yield Finding(
            "candidates-too-few",
            f"mean_top_mass of the {run.config['signature'].get('k')} candidates: {_paired(small, small.values())}",
            f"below {100 * SMALLEST_TOP_MASS:.0f} %, do not judge the long-context tax; raise k, and look at topk_acc",
        )


def _one_trajectory(summaries: Mapping[str, Any]) -> Iterator[Finding]:
    rows: list[tuple[Any, ...]] = []
    for scope, summary in summaries.items():
        worst = summary.get("largest_influence")
        if worst and (worst["share"] is None or worst["share"] > LARGEST_INFLUENCE):
            share = "" if worst["share"] is None else f"{100 * worst['share']:.0f} %"
            rows.append(((worst.get("id", worst.get("document")), bool(share)), scope, share))
    for (name, changes), (scopes, shares) in _by(rows):
        yield Finding(
            "one-trajectory",
            f"without {name}, he_snr would "
            + (f"change: {_paired(scopes, shares)}" if changes else f"have no value: {', '.join(scopes)}"),
            "read that trajectory, and add others",
        )


def _one_label(run: Run, summaries: Mapping[str, Any]) -> Iterator[Finding]:
    rows: list[tuple[Any, ...]] = []
    for scope in summaries:
        counts = (run.config.get("decisions_by_label") or {}).get(scope) or {}
        label, most = max(counts.items(), key=lambda item: item[1], default=("", 0))
        if len(counts) > 1 and most > 0.9 * sum(counts.values()):
            rows.append((label, scope, f"{100 * most / sum(counts.values()):.0f} %"))
    for label, (scopes, shares) in _by(rows):
        yield Finding(
            "one-label",
            f"most decisions are {label}: {_paired(scopes, shares)}",
            f"{'these scopes mainly measure' if scopes[1:] else 'this scope mainly measures'} {label}; you can report "
            "a scope with that label alone",
        )


def _precision(run: Run, summaries: Mapping[str, Any]) -> Iterator[Finding]:
    dtype = str(run.config["signature"].get("dtype"))
    shares = {scope: summary.get("near_epsilon") for scope, summary in summaries.items()}
    near = {scope: f"{100 * share:.2f} %" for scope, share in shares.items() if (share or 0) > LARGEST_NEAR_EPSILON}
    if near and dtype.startswith(LOW_PRECISION):
        yield Finding(
            "precision-at-threshold",
            f"the dtype is {dtype}, and tokens are within 0.01 nats of epsilon: {_paired(near, near.values())}",
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


def _family(model: str) -> str:
    """The first word of a model's name: `qwen` of Qwen/Qwen2.5-Coder-0.5B."""
    found = re.match(r"[a-z]+", model.rsplit("/", 1)[-1].lower())
    return found.group() if found else ""
