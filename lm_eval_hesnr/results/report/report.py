"""One HTML file about several runs: read, compare, choose trajectories, and render."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import check_output, kind_of, open_regular, replace_file, user_path, writing
from lm_eval_hesnr.messages.characters import one_line
from lm_eval_hesnr.messages.counts import counted
from lm_eval_hesnr.results.diagnosis.diagnose import diagnose
from lm_eval_hesnr.results.diagnosis.finding import Finding, finding_lines
from lm_eval_hesnr.results.report import html_tables
from lm_eval_hesnr.results.report.inputs import Inputs, read_inputs
from lm_eval_hesnr.results.report.page_data import as_json, page_data
from lm_eval_hesnr.results.report.render import MARK, render
from lm_eval_hesnr.results.report.request import ReportRequest
from lm_eval_hesnr.results.report.sentences import Words, first_words, verdict_lines
from lm_eval_hesnr.results.report.subject import Document, Subject, documents_of, subject_of
from lm_eval_hesnr.results.report.views import View, views_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A finished page."""

    html: str
    words: Words
    """The verdict and its cautions."""
    bad: Sequence[str]
    """One line for each input that could not be read."""
    notes: Sequence[str]
    """What the user should know, one line each."""

    def _repr_html_(self) -> str:
        """The page in a frame of its own, for notebooks."""
        return str(
            Markup(
                '<iframe title="hesnr report" sandbox="allow-scripts" style="width:100%;height:85vh;border:0" '
                'srcdoc="{}"></iframe>'
            ).format(escape(self.html))
        )

    def save(self, out: str | Path, *, force: bool = False) -> Path:
        """Write the page to a file, and return its path. Another file is replaced only if it is a report, or `force`.

        Raises:
            InputError: there is another file, or it cannot be written.
        """
        path = user_path(out)
        with writing(path):
            check_output(path, force=force or _is_report(path))
            replace_file(path, self.html)
        return path


def _is_report(path: Path) -> bool:
    if kind_of(path) is not None or not path.exists():
        return False
    with open_regular(path) as file:
        return file.read(len(MARK)) == MARK.encode()


def write_report(inputs: Sequence[Path], out: Path) -> None:
    """Write the report about these inputs to a file, with the default options. An earlier report is replaced.

    Raises:
        InputError: there is no run, or the file cannot be written.
    """
    make_report(ReportRequest(paths=inputs)).save(out)


def make_report(request: ReportRequest) -> Report:
    """The report about the runs at the paths of the request.

    Raises:
        InputError: there is no run; or there is no such baseline, scope, task or trajectory; or the page is too large.
    """
    inputs = read_inputs(request.paths, request.task)
    subject = subject_of(inputs.runs, request.baseline, request.scope)
    findings = diagnose([run.run for run in inputs.runs])
    words = first_words(subject, findings)
    documents = documents_of(subject)
    views, notes = views_of(subject, documents, request.show, with_text=request.with_text)
    notes = [*inputs.notes, *_about(inputs), *notes]
    html, left_out = _within(request, subject, words, documents, views, findings, notes)
    return Report(html=html, words=words, bad=inputs.bad, notes=[*notes, *left_out])


def _about(inputs: Inputs) -> list[str]:
    if not inputs.other_tasks:
        return []
    others = ", ".join(inputs.other_tasks)
    return [f"note: this is task {inputs.task}; the results also have {others} (--task)"]


def _within(
    request: ReportRequest,
    subject: Subject,
    words: Words,
    documents: Sequence[Document],
    views: Sequence[View],
    findings: Sequence[Finding],
    notes: Sequence[str],
) -> tuple[str, list[str]]:
    """The page with as many of the views as fit into the largest size, and a line about the others."""
    for n_shown in range(len(views), -1, -1):
        left_out = _left_out(views[n_shown:], request.max_size)
        html = render(_context(request, subject, words, documents, views[:n_shown], findings, [*notes, *left_out]))
        size = len(html.encode())
        if size <= request.max_size:
            return html, left_out
    raise InputError(
        f"--max-size: the page has {size} bytes without any token view, expected at most {request.max_size}; give a "
        "larger size, or fewer runs"
    )


def _left_out(views: Sequence[View], max_size: int) -> list[str]:
    if not views:
        return []
    names = ", ".join(view.document.id for view in views)
    n = counted(len(views), "trajectory")
    return [
        f"note: the tokens of {n} are left out, because the page has at most {max_size} bytes (--max-size): {names}"
    ]


def _context(
    request: ReportRequest,
    subject: Subject,
    words: Words,
    documents: Sequence[Document],
    views: Sequence[View],
    findings: Sequence[Finding],
    notes: Sequence[str],
) -> dict[str, Any]:
    places = {view.document.index: i for i, view in enumerate(views)}
    data = as_json(page_data(subject, words, documents, views, findings))
    return {
        "title": request.title or _title(subject),
        "subject": subject,
        "words": words,
        "verdicts": verdict_lines(subject),
        "notes": [one_line(note) for note in notes],
        "findings": finding_lines(findings),
        "companions": html_tables.COMPANIONS,
        "ranking": html_tables.ranking_sentence(subject),
        "tables": _tables(subject, documents, places),
        "views": views,
        "with_text": request.with_text,
        "data": Markup(data),  # noqa: S704 (JSON without <, > and &)
    }


def _tables(subject: Subject, documents: Sequence[Document], places: Mapping[int, int]) -> dict[str, Any]:
    return {
        "checkpoints": html_tables.checkpoints_table(subject),
        "companions": html_tables.companions_table(subject),
        "curves": html_tables.curves_table(subject),
        "differences": html_tables.differences_table(subject),
        "thresholds": html_tables.thresholds_table(subject),
        "entropy": html_tables.entropy_table(subject),
        "shift": html_tables.shift_table(subject),
        "scopes": html_tables.scopes_table(subject),
        "documents": html_tables.documents_table(subject, documents, places),
        "signature": html_tables.signature_table(subject),
        "inputs": html_tables.inputs_table(subject),
    }


def _title(subject: Subject) -> str:
    n_documents = subject.baseline.run.config["summary"][subject.scope]["documents"]
    runs = counted(len(subject.runs), "checkpoint")
    return f"HE-SNR: {runs}, {counted(n_documents, 'trajectory')}"
