"""The tables of docs/measures.md, from what `one_pass` measured."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.interventions.changes import MEASURED, TITLES, UNCHANGED, easy_limit, put_together
from lm_eval_hesnr.labels import SCOPES
from lm_eval_hesnr.metrics.calibration import CALIBRATED, calibration
from lm_eval_hesnr.metrics.decomposition import PARTS, part_totals
from lm_eval_hesnr.metrics.edges import EPSILON
from lm_eval_hesnr.metrics.measures import measure, measures
from lm_eval_hesnr.metrics.profile import EntropyProfile, pooled
from lm_eval_hesnr.metrics.temperatures import FINE, INVERSE_TEMPERATURES
from lm_eval_hesnr.results.compare.set_of import set_totals
from lm_eval_hesnr.scoring.token_scores import TokenScores
from lm_eval_hesnr.scoring.token_table import read_numbered_table, write_token_table

_BANDS = (EPSILON, 1.39, 1.61, 1.9, 2.1, np.log(10) + 1e-6)
"""Entropies, nats: between the first two, about four equal candidates; up to the third, about five."""

Runs = dict[str, list[TokenScores]]
"""For each change, the scores of every trajectory, in the same order."""


def report(out: Path, n: int) -> None:
    """Write the token tables of every column of the table, and print the tables, for the first n trajectories."""
    names, runs, limit = changed_runs(out, n)
    for change, scores_of in runs.items():
        for number, (name, scores) in enumerate(zip(names, scores_of, strict=True)):
            write_token_table(out / "tables" / change, number, name, scores)
    n_tokens = sum(int(scores.scored.sum()) for scores in runs[UNCHANGED])
    print(f"\n{len(names)} trajectories, {n_tokens:,} tokens; easiest decisions: rank 1, entropy <= {limit:.3f} nats\n")
    _print_measures(runs)
    _print_carriers(runs[UNCHANGED])
    _print_temperatures(pooled(profiles(runs[UNCHANGED])))


def changed_runs(out: Path, n: int) -> tuple[list[str], Runs, float]:
    """The names of the first n trajectories, their scores under every change, and `easy_limit`."""
    names, measured = _read(out, n)
    limit = easy_limit(measured[UNCHANGED])
    runs: Runs = {change: [] for change in TITLES}
    for number, name in enumerate(names):
        scores = put_together(name, {change: measured[change][number] for change in MEASURED}, limit)
        for change in TITLES:
            runs[change].append(scores[change])
    return names, runs, limit


def _read(out: Path, n: int) -> tuple[list[str], Runs]:
    """The names of the trajectories, and what was measured. The order is that of the run."""
    names: list[str] = []
    measured: Runs = {}
    for change in MEASURED:
        found = [read_numbered_table(path) for path in sorted((out / "measured" / change).glob("*.parquet"))[:n]]
        names = [name for _, name, _ in found]
        measured[change] = [scores for _, _, scores in found]
    return names, measured


def profiles(runs: list[TokenScores]) -> list[EntropyProfile]:
    """The profile of each trajectory in the scope `action`."""
    return [scores.profile(scores.in_scope(SCOPES["action"]), EPSILON) for scores in runs]


def _print_measures(runs: Runs) -> None:
    columns = [_column(runs[UNCHANGED], runs[change]) for change in TITLES]
    print(f"| measure | {' | '.join(TITLES.values())} |\n|---|{'---:|' * len(TITLES)}")
    for name in columns[0]:
        print(f"| {name} | {' | '.join(column[name] for column in columns)} |")


def _column(before: list[TokenScores], after: list[TokenScores]) -> dict[str, str]:
    """One column of the table: what every measure says about the changed model."""
    of_change = profiles(after)
    found, calibrated = measures(of_change, EPSILON), calibration(of_change, [one.digest for one in after], EPSILON)
    pairs = list(zip(before, after, strict=True))
    parts = np.sum([part_totals(a.snr, a.decisions(EPSILON), b.snr, b.decisions(EPSILON)) for a, b in pairs], axis=0)
    on_set = np.sum([set_totals(b, np.flatnonzero(a.decisions(EPSILON)), EPSILON) for a, b in pairs], axis=0)
    shown = ("ppl", "bits_per_byte", "he_ppl", "he_snr", "self_he_snr", "q_over_entropy")
    return {name: _number(found[name]) for name in shown} | {
        CALIBRATED: _number(calibrated and calibrated.estimate.value),
        "its temperatures": " ".join("N/A" if t is None else f"{t:.2f}" for t in calibrated.temperatures)
        if calibrated
        else "N/A",
        "he_snr on the unchanged set": _number(measure("he_snr", on_set)),
        "top1_acc on the unchanged set": _number(measure("top1_acc", on_set)),
        **{name: f"{PARTS[name](parts):+.4f}" for name in ("within", "entering", "leaving")},
        "kept": _number(PARTS["kept"](parts)),
        "top1_acc": _number(found["top1_acc"]),
        "topk_acc": _number(found["topk_acc"]),
        "decisions": f"{found['decisions']:,.0f}",
    }


def _number(value: float | np.ndarray | None) -> str:
    """Four decimals, or four digits from 5 on."""
    return "N/A" if value is None else f"{value:.4f}" if value < 5 else f"{value:.4g}"


def carriers(runs: list[TokenScores]) -> tuple[list[tuple[str, float, float, float]], float]:
    """Which decisions the mean comes from, and the largest p / entropy.

    Each row has a name of some decisions, their share of all decisions, their share of the sum of p / entropy, and
    their mean; NaN without decisions.
    """
    chosen = np.concatenate([scores.decisions(EPSILON) for scores in runs])
    columns = zip(*((scores.snr, scores.entropy, scores.rank) for scores in runs), strict=True)
    snr, entropy, rank = (np.concatenate(column)[chosen] for column in columns)
    some = {"all": np.ones_like(rank, bool), "rank 1": rank == 1, "rank 2": rank == 2, "rank 3 to 10": rank > 2} | {
        f"entropy {low:.2f} to {high:.2f}": (entropy > low) & (entropy <= high) for low, high in pairwise(_BANDS)
    }
    rows = [
        (title, float(one.mean()), float(snr[one].sum() / snr.sum()), float(snr[one].mean() if one.any() else np.nan))
        for title, one in some.items()
    ]
    return rows, float(snr.max())


def _print_carriers(runs: list[TokenScores]) -> None:
    rows, largest = carriers(runs)
    print("\n| decisions | share of the decisions | share of the sum | mean of p / entropy |\n|---|---:|---:|---:|")
    for title, share, share_of_sum, mean in rows:
        print(f"| {title} | {share:.3f} | {share_of_sum:.3f} | {mean:.4f} |")
    print(f"\nlargest p / entropy: {largest:.4f}")


def _print_temperatures(profile: EntropyProfile) -> None:
    """Perplexity and HE-SNR at every temperature of the grid, and at the two neighbours of 1 in the finer grid."""
    (nll, decisions, snr), n_tokens = profile.temperatures.sums, profile.sums[:, 0].sum()
    ppl, he_snr = np.exp(nll / n_tokens), snr / decisions
    print("\n| 1/T | T | ppl | he_snr | decisions |\n|---:|---:|---:|---:|---:|")
    for i in np.flatnonzero(np.isin(FINE, INVERSE_TEMPERATURES) | (abs(FINE - 1) == FINE[1] - FINE[0])):
        print(f"| {FINE[i]:.3f} | {1 / FINE[i]:.3f} | {ppl[i]:.4g} | {he_snr[i]:.4f} | {decisions[i]:,.0f} |")
