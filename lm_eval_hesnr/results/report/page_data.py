"""The data of the page as JSON, which its script draws."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from lm_eval_hesnr import __version__
from lm_eval_hesnr.labels import Label
from lm_eval_hesnr.messages.characters import visible
from lm_eval_hesnr.metrics.bounds import DIRECTIONS
from lm_eval_hesnr.results.compare.data import parts_data
from lm_eval_hesnr.results.diagnosis.finding import Finding
from lm_eval_hesnr.results.report.chart_tables import CURVES, histogram_runs
from lm_eval_hesnr.results.report.inputs import ReportRun
from lm_eval_hesnr.results.report.sentences import Words
from lm_eval_hesnr.results.report.subject import Document, Subject
from lm_eval_hesnr.results.report.summary_values import BIN, finite, threshold_points
from lm_eval_hesnr.results.report.views import View, scope_labels

FORMAT, VERSION = "hesnr-report", 1


def page_data(
    subject: Subject, words: Words, documents: Sequence[Document], views: Sequence[View], findings: Sequence[Finding]
) -> dict[str, Any]:
    """Everything that the page shows about the runs, as plain values. Missing numbers are None."""
    comparison, scope = subject.comparison, subject.scope
    names = [run.name for run in subject.runs]
    return {
        "format": FORMAT,
        "version": VERSION,
        "made_by": f"lm_eval_hesnr {__version__}",
        "scope": scope,
        "epsilon": finite((subject.baseline.run.config["summary"][scope]).get("epsilon")),
        "baseline": names.index(subject.baseline.name),
        "reference": names.index(subject.reference.name),
        "focus": names.index(subject.focus.name) if subject.focus else None,
        "verdict": {
            "sentences": words.verdict,
            "cautions": words.cautions,
            "take": list(comparison.choice.take) if comparison else [],
        },
        "checkpoints": [_checkpoint(run, scope) for run in subject.runs],
        "differences": {
            name: parts_data(one.differences) for name, one in (comparison.verdicts if comparison else {}).items()
        },
        "histograms": {
            "bin": BIN,
            "runs": [{"name": run.name, "tokens": counts} for run, counts in histogram_runs(subject)],
        },
        "curves": list(CURVES),
        "x": subject.places[0] if subject.places else None,
        "documents": [_document(one) for one in documents],
        "views": [_view(one) for one in views],
        "labels": [label.label_name for label in Label],
        "scopes": {
            name: sorted(int(label) for label in scope_labels(subject.baseline, name))
            for name in subject.baseline.run.config["summary"]
        },
        "findings": [str(one) for one in findings],
    }


def _checkpoint(run: ReportRun, scope: str) -> dict[str, Any]:
    summaries = run.run.config["summary"]
    return {
        "name": run.name,
        "step": run.step,
        "tokens_seen": run.tokens_seen,
        "values": {name: _values(run, name) for name in summaries},
        "thresholds": threshold_points(summaries.get(scope) or {}),
    }


def _values(run: ReportRun, scope: str) -> dict[str, Any]:
    intervals = run.run.config["summary"][scope]["intervals"]
    return {
        name: {
            "value": finite(run.run.value(name, scope)),
            "stderr": finite(run.run.value(f"{name}_stderr", scope)),
            "interval": intervals.get(name),
        }
        for name in DIRECTIONS
        if f"{name},{scope}" in run.run.results
    }


def _document(one: Document) -> dict[str, Any]:
    return {
        "id": one.id, "tokens": one.tokens, "decisions": one.decisions, "he_snr": one.he_snr, "effect": one.effect,
    }  # fmt: skip


def _view(view: View) -> dict[str, Any]:
    return {
        "id": view.document.id,
        "runs": view.runs,
        "k": view.k,
        "tokens": view.n_tokens,
        "parts": view.parts,
        "token_names": view.token_names,
    }


def as_json(data: Any) -> str:
    """The data as JSON that cannot end the element that contains it: ASCII, without `<`, `>` and `&`."""
    text = json.dumps(_safe(data), separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _safe(value: Any) -> Any:
    """The data with escapes for control characters in all its texts; numbers that are not finite are None."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {visible(str(key)): _safe(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_safe(inner) for inner in value]
    return finite(value) if isinstance(value, float) else value
