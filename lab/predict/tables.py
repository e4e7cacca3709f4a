"""The tables and the picture of the experiment."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from lab.page import table
from lab.picture import Panel, Point, picture
from lab.predict.study import Study
from lab.predict.verdicts import Verdict, p1, together
from lm_eval_hesnr.metrics.correlation.noise_of_axes import points_stderr
from lm_eval_hesnr.results.correlate.correlation import Correlation, correlate
from lm_eval_hesnr.results.correlate.points import Predictor
from lm_eval_hesnr.results.correlate.scores import Score
from lm_eval_hesnr.results.correlate.sentences import cautions, headline
from lm_eval_hesnr.results.correlate.tables import points_table, tables
from lm_eval_hesnr.results.text_table import number

QUESTIONS = {
    "P1": "better correlated than ln PPL",
    "P2": "better than every other measure and than log(tokens), also after calibration",
    "P3": "related beyond the common trend, and in no family reversed",
    "P4": "picks the better of two with equal loss",
    "P5": "smaller error for a family not seen",
    "P6": "adds something to ln PPL and the family",
}


def correlation_of(study: Study) -> Correlation:
    """Everything that `hesnr correlate` says about the study."""
    return correlate(study.points, [study.he_snr, study.calibrated], [study.ppl, *study.rivals])


NUMBERS = {
    "P1": "r {r} of HE-SNR, {r_rival} of ln PPL; difference {difference}",
    "P3": "r0 {r0}, p {p_value} (ln PPL: {r0_rival}, p {p_value_rival}); rho within families: mean {mean_rho}, lowest "
    "{lowest_rho}",
    "P4": "share {share}, mirrored {mirrored}, each of {pairs} pairs; difference {difference}. In these pairs, ln PPL "
    "differs by at most {largest_gap}",
    "P5": "error of ln PPL minus that of HE-SNR, mean over families: {difference}. Errors over all checkpoints: HE-SNR "
    "{he_snr}, ln PPL {ppl}, log(tokens) {log_tokens}, ln PPL and HE-SNR {both}",
    "P6": "partial r {partial}; control {control} ({control_low} to {control_high})",
}
"""How the numbers of a test are printed."""


def verdict_table(found: Sequence[Verdict]) -> str:
    """One line per test, and one for all together."""
    rows = [
        [one.name, QUESTIONS[one.name], f"**{one.verdict}**", _numbers(one), _interval(one)] for one in found
    ]  # fmt: skip
    return table(
        ["test", "question", "verdict", "numbers", "95 % interval of the difference, or of the partial r"],
        [*rows, ["together", "", f"**{together(found)}**", "", ""]],
        n_left=5,
    )


def _interval(one: Verdict) -> str:
    return "" if one.interval is None else f"{one.interval.low:+.3f} to {one.interval.high:+.3f}"


def _numbers(one: Verdict) -> str:
    cells = {name: number(value, ".3g") for name, value in one.numbers.items()}
    if one.name not in NUMBERS:  # P2: a difference and its p-value for each rival
        *rivals, calibrated = [
            f"{name} {number(one.differences[name], '+.3f')} (p {p_value})" for name, p_value in cells.items()
        ]
        return (
            f"difference of r and its p after Holm, HE-SNR against {', '.join(rivals)}; against ln PPL, p not "
            f"corrected: {calibrated}"
        )
    return NUMBERS[one.name].format_map(defaultdict(lambda: number(None, ""), cells))


def checkpoint_table(found: Correlation, floor: Score | None) -> str:
    """One row per checkpoint, and one for random weights: their outcome, which is in no test.

    Args:
        found: about the checkpoints.
        floor: the outcome of random weights; None if it is not there yet.
    """
    found_table = points_table(found)
    head, *rows = found_table.rows
    outcome = ["not made"] * 3
    if floor is not None:
        outcome = [str(floor.passed.sum()), str(floor.trials.sum()), f"{floor.rate:.1%}"]
    cells = ["random weights (the floor; in no test)", "", "0", *outcome]
    return table(head, [*rows, [*cells, *[""] * (len(head) - len(cells))]], found_table.n_left)


def correlation_tables(found: Correlation) -> str:
    """What `hesnr correlate` prints: its answers, tables and cautions.

    Its first line is left out: it would take the rows of the gold runs for trajectories.
    """
    blocks = ["\n".join(f"- {line}" for line in headline(found))]
    for one in tables(found):
        head, *rows = one.rows
        blocks.append("\n\n".join([table(head, rows, one.n_left), *one.notes]))
    return "\n\n".join([*blocks, "\n".join(f"- {line}" for line in cautions(found))])


def robustness_table(studies: dict[str, Study]) -> str:
    """P1 in other data, without a family, and with other counts of the outcome. No verdict depends on it.

    Args:
        studies: by what differs.
    """
    rows = []
    for name, study in studies.items():
        one = p1(study)
        rates = study.points.passed / study.points.trials
        r, r_rival = (one.numbers[key] for key in ("r", "r_rival"))
        numbers = [f"{value:.3f}" if value is not None else "N/A" for value in (r, r_rival)]
        rows.append([name, f"{rates.min():.1%} to {rates.max():.1%}", *numbers, _interval(one)])
    return table(["what differs", "outcome", "r of HE-SNR", "r of ln PPL", "95 % interval of the difference"], rows)


APART = "high_lr"
"""The family that solves much less than all others. So the others have a row of panels without it."""


def scatter(study: Study) -> str:
    """HE-SNR and its main rival against the outcome; error bars are one standard error."""
    panels = [
        Panel(
            title=f"{title}{more}",
            x_label=label,
            y_label="pass@1 after fine-tuning (logit)",
            series=_series(study, one, without),
        )
        for more, without in (("", ""), (f", without {APART}", APART))
        for title, label, one in (
            ("HE-SNR", "he_snr of the actions", study.he_snr),
            ("Perplexity", "- ln ppl of the actions", study.ppl),
        )
    ]
    return picture("Before fine-tuning, and solved tasks after it", panels, per_row=2)


def _series(study: Study, one: Predictor, without: str) -> dict[str, list[Point]]:
    x_errors, y_errors = points_stderr(one.drawn), points_stderr(study.points.drawn_y)
    found: dict[str, list[Point]] = {}
    for i, family in enumerate(study.points.families):
        if family == without:
            continue
        x_error, y_error = (0.0 if errors is None else float(errors[i]) for errors in (x_errors, y_errors))
        point = Point(float(one.x[i]), float(study.points.y[i]), x_error, y_error)
        if math.isfinite(point.x):
            found.setdefault(family, []).append(point)
    return found
