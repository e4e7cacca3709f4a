"""The content of the page, and how much of it fits into the largest size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.messages.counts import counted
from lm_eval_hesnr.results.diagnosis.by_kind import by_kind, names_of
from lm_eval_hesnr.results.diagnosis.finding import Finding
from lm_eval_hesnr.results.report import chart_tables, made_tables, run_tables
from lm_eval_hesnr.results.report.cells import HtmlTable
from lm_eval_hesnr.results.report.page_data import as_json, page_data
from lm_eval_hesnr.results.report.render import render
from lm_eval_hesnr.results.report.sentences import (
    Words,
    certainty,
    headed,
    holm_sentence,
    pair_sentence,
    rival_lines,
    verdict_lines,
)
from lm_eval_hesnr.results.report.subject import Document, Subject
from lm_eval_hesnr.results.report.views import View
from lm_eval_hesnr.results.report.words import WORDS

_FIRST_DOCUMENTS = 10
"""The trajectories with the largest effects, and those down to the last one whose tokens are shown, are not folded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What the page says."""

    title: str
    subject: Subject
    words: Words
    documents: Sequence[Document]
    """All trajectories, the largest effect first."""
    findings: Sequence[Finding]
    notes: Sequence[str]
    """What the user should know, one line each."""
    on_set: HtmlTable | None = None
    """All runs on the decisions of one run; None if this is not asked for."""
    predict: Mapping[str, Any] | None = None
    """The section "Does it predict?", as `correlation_section` returns it; None without scores."""

    def html(self, views: Sequence[View], max_size: int) -> tuple[str, list[str]]:
        """The page with as many of the token views as fit into a size, and a line about the others.

        Args:
            views: the token views, the most important first.
            max_size: bytes.

        Raises:
            InputError: the page is too large without any view.
        """
        found, size = None, 0
        n_shown, n_fit, n_too_many = len(views), -1, len(views) + 1
        while n_too_many - n_fit > 1:  # bisection, because a page of many views takes a second
            left_out = _left_out(views[n_shown:], max_size)
            html = render(self._context(views[:n_shown], left_out))
            size = len(html.encode())
            if size <= max_size:
                n_fit, found = n_shown, (html, left_out)
            else:
                n_too_many = n_shown
            n_shown = (n_fit + n_too_many) // 2
        if found is None:
            raise InputError(
                f"--max-size: the page has {size} bytes without any tokens, expected at most {max_size}; give a larger "
                "size, or fewer runs"
            )
        return found

    def _context(self, views: Sequence[View], left_out: Sequence[str]) -> dict[str, Any]:
        """The values of the template."""
        subject = self.subject
        data = page_data(subject, self.words, self.documents, views, self.findings)
        return {
            "title": self.title,
            "subject": subject,
            "words": self.words,
            "heading": headed(self.words.verdict[0]),
            "pair": pair_sentence(subject),
            "holm": holm_sentence(subject),
            "sure": certainty(subject),
            "rivals": rival_lines(subject),
            "verdicts": verdict_lines(subject),
            "notes": [*self.notes, *left_out],
            "findings": [kind_of_findings(kind) for kind in by_kind(self.findings)],
            "meanings": WORDS,
            "ranking": chart_tables.ranking_sentence(subject),
            "tables": {**_tables(subject, self.documents, views), "on_set": self.on_set},
            "views": views,
            "predict": self.predict,
            "data": Markup(as_json(data)),  # noqa: S704 (JSON without <, > and &)
        }


def kind_of_findings(findings: Sequence[Finding]) -> dict[str, Any]:
    """Findings of one kind: the first one, the names of the runs with others, and these."""
    first, *others = findings
    lines = [one.without_task for one in others]
    return {
        "first": first.without_task,
        "names": names_of(others) if others else "",
        "others": [line.removesuffix(f"; {first.advice}") for line in lines],
    }


def _left_out(views: Sequence[View], max_size: int) -> list[str]:
    if not views:
        return []
    names, n = ", ".join(view.document.id for view in views), counted(len(views), "trajectory")
    return [
        f"note: the tokens of {n} are left out, because the page has at most {max_size} bytes (--max-size): {names}"
    ]


def _tables(subject: Subject, documents: Sequence[Document], views: Sequence[View]) -> dict[str, Any]:
    numbers = {view.document.index: number for number, view in enumerate(views)}
    n_first = max(_FIRST_DOCUMENTS, *(1 + place for place, one in enumerate(documents) if one.index in numbers), 0)
    others = f"{counted(len(documents) - n_first, 'other trajectory').capitalize()}, with smaller effects"
    return {
        "checkpoints": run_tables.checkpoints_table(subject),
        "companions": run_tables.companions_table(subject),
        "curves": chart_tables.curves_table(subject),
        "differences": run_tables.differences_table(subject),
        "thresholds": chart_tables.thresholds_table(subject),
        "entropy": chart_tables.entropy_table(subject),
        "shift": chart_tables.shift_table(subject),
        "scopes": chart_tables.scopes_table(subject),
        "documents": run_tables.documents_table(
            subject, documents[:n_first], numbers, "Trajectories, the largest effect first"
        ),
        "other_documents": run_tables.documents_table(subject, documents[n_first:], numbers, others)
        if documents[n_first:]
        else None,
        "differing": made_tables.differing_table(subject),
        "shared": made_tables.shared_table(subject),
        "inputs": made_tables.inputs_table(subject),
    }
