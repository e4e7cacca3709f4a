"""What the columns of the tables mean, and what follows from them: one short note for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lm_eval_hesnr.metrics.correlation.noise_of_axes import LEAST_RELIABILITY
from lm_eval_hesnr.results.correlate.correlation import Correlation, Given
from lm_eval_hesnr.results.correlate.points import INDEPENDENT, NULL


def interval_head(found: Correlation) -> str:
    """The head of the columns with intervals over checkpoints."""
    return "95 %" if found.points.design == INDEPENDENT else "95 % (too narrow)"


def of_measures(found: Correlation) -> list[str]:
    """The notes of the first table."""
    notes = [f"{row.predictor.label}: N/A, {row.reason}." for row in found.rows if row.reason]
    notes.append(
        "r: Pearson's correlation with the logit of the pass rate. Perplexities count as -ln, so that higher is better."
    )
    if found.points.design != INDEPENDENT:
        notes.append(
            "95 %: the intervals take the checkpoints as independent. Those of one training run are not, so the true "
            "intervals are wider."
        )
    notes.append(
        "rho: the same correlation of ranks (Spearman). pairs: the share of pairs of checkpoints that the predictor "
        f"puts in the right order.{_clear(found)}"
    )
    notes.append(
        "regret: the best pass rate minus that of the checkpoint that the predictor puts first, in percentage points."
    )
    return [*notes, *([f"No p: {found.no_p_values}."] if found.no_p_values else _p_values(found))]


def _clear(found: Correlation) -> str:
    known = [row for row in found.rows if row.resolvable is not None and row.decisions is not None]
    if not known or known[0].resolvable is None or known[0].decisions is None:
        return ""
    return (
        f" clear: the same share of the {known[0].resolvable.pairs} pairs (of {known[0].decisions.pairs}) whose "
        "outcomes differ by more than 1.96 standard errors."
    )


def _p_values(found: Correlation) -> Iterator[str]:
    ways = found.ways or 1
    if found.points.design == INDEPENDENT:
        yield f"p: the share of {ways} permutations of the outcomes that give at least this r (one-sided)."
    else:
        yield (
            f"p: the share of {ways} ways to swap the outcomes of whole training runs that give at least this "
            "correlation (one-sided). First, the mean over the training runs is taken out at each step."
        )
    yield f"The least possible p is {1 / ways:.2g}."
    missing = [row.predictor.label for row in found.rows if row.reason is None and row.p_value is None]
    if missing == [NULL]:
        yield f"{NULL} has no p, because it is the same in all training runs."
    known = [row for row in found.rows if row.max_p_value is not None and not row.same_as]
    if len(known) > 1:
        best = min(known, key=lambda row: (row.max_p_value or 0.0, -(row.without_step or 0.0)))
        yield (
            f"If {best.predictor.label} was chosen because it is the best of these {len(known)} predictors, its p is "
            f"{best.max_p_value:.2g}: in each permutation, the largest correlation of all of them counts (max-T)."
        )


def of_noise(found: Correlation) -> list[str]:
    """The notes of the table of noise."""
    of_y = next((row.noise.reliability_y for row in found.rows if row.noise is not None), None)
    outcome = "" if of_y is None else f" That of the outcome is {of_y:.2f}."
    return [
        "±: one standard error of r, if other trajectories, or other tasks (with attempts and seeds), had been drawn.",
        "reliability: the share of the measure's variance over the checkpoints that is not noise."
        f"{outcome} Below {LEAST_RELIABILITY}, noise lowers r by more than 10 %.",
    ]


def of_given(known: Sequence[Given]) -> list[str]:
    """The notes of the table of partial correlations: the conclusion first."""
    notes = []
    for one in known:
        if one.above_control:
            notes.append(
                f"{one.label} says something about the outcome that {one.rival} does not say: its interval is "
                "completely above that of the control. This alone does not make it the better predictor."
            )
        else:
            notes.append(
                f"No evidence that {one.label} says more than {one.rival}: its interval is not completely above that "
                "of the control."
            )
    notes.append(
        "partial r: the correlation that is left after a linear fit on the rival. It is above 0 for any two noisy "
        "readings of one ability. control: the same for the rival itself, over every second trajectory, given the "
        "rival over the others."
    )
    return notes


def of_predictions(found: Correlation) -> list[str]:
    """The notes of the table of predictions."""
    has_runs = any(one.family is not None for one in found.predictions)
    unseen = "the checkpoint, or its whole training run" if has_runs else "the checkpoint"
    return [
        f"The root mean squared error of a linear fit that has not seen {unseen} (leave-one-out). Lower is better. "
        "0.1 logit is 2.5 percentage points at a pass rate of 50 %."
    ]
