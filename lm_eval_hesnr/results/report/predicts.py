"""The section "Does it predict?": the runs of a report, and the downstream scores that the user gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.messages.counts import first_names
from lm_eval_hesnr.metrics.bootstrap import SEED
from lm_eval_hesnr.results.correlate.correlation import correlate
from lm_eval_hesnr.results.correlate.matching import match
from lm_eval_hesnr.results.correlate.page import correlation_section
from lm_eval_hesnr.results.correlate.points import Points, Spec
from lm_eval_hesnr.results.correlate.scores import read_scores
from lm_eval_hesnr.results.report.subject import Subject

_MEASURE, _RIVALS = "he_snr", ("ppl", "bits_per_byte")


def prediction(path: Path, subject: Subject) -> tuple[dict[str, Any], list[str]]:
    """The section as `correlation_section` returns it, with the defaults of `hesnr correlate`; and notes.

    Args:
        path: SCORES.csv.
        subject: its scope is that of all measures.

    Raises:
        InputError: the scores cannot be read, or do not fit the runs; or the runs cannot be compared.
    """
    runs = [run.compared for run in subject.runs if run.compared is not None]
    if not runs:
        raise InputError(f"{path}: no run has numbers by trajectory, which --scores needs; score again")
    matched = match(path, read_scores(path, group=None, order=None, outcomes=None), runs)
    points = Points(matched.pairs, SEED)
    points.check([subject.scope])
    rivals = points.predictors([Spec(name, subject.scope) for name in _RIVALS])
    found = correlate(points, points.predictors([Spec(_MEASURE, subject.scope)]), rivals)
    notes = [
        f"note: not in Does it predict?, without {what}: {first_names(names)}"
        for what, names in (("results", matched.without_run), ("a score", matched.without_score))
        if names
    ]
    return correlation_section(found), notes
