"""One HTML file about several runs: for the command, for notebooks, and for the end of a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from lm_eval_hesnr.files import (
    check_output,
    kind_of,
    open_regular,
    replace_file,
    user_path,
    writing,
)
from lm_eval_hesnr.files.inputs import refuse_inputs
from lm_eval_hesnr.messages.characters import one_line
from lm_eval_hesnr.messages.counts import counted
from lm_eval_hesnr.results.diagnosis.diagnose import diagnose
from lm_eval_hesnr.results.report.inputs import Inputs, read_inputs
from lm_eval_hesnr.results.report.page import Page
from lm_eval_hesnr.results.report.reference_set import reference_table
from lm_eval_hesnr.results.report.render import MARK
from lm_eval_hesnr.results.report.request import ReportRequest, size_in_bytes
from lm_eval_hesnr.results.report.sentences import Words, first_words
from lm_eval_hesnr.results.report.subject import Subject, documents_of, subject_of
from lm_eval_hesnr.results.report.views import views_of
from lm_eval_hesnr.results.run import Run

_FRAME = Markup(
    '<iframe title="hesnr report" sandbox="allow-scripts" style="width:100%;height:85vh;border:0" srcdoc="{}"></iframe>'
)


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
    sources: Sequence[Path] = ()
    """The given paths, results files, folders of token tables, and the file of scores, that it was made from."""

    def __repr__(self) -> str:
        return "\n".join(map(one_line, self.words.verdict))

    def _repr_html_(self) -> str:
        """The page in a frame of its own, for notebooks.

        It is ASCII: in a notebook that was saved as a page without a charset, a browser that guesses another one would
        change the scripts, and the policy of the page then forbids them.
        """
        return str(_FRAME.format(self.html)).encode("ascii", "xmlcharrefreplace").decode()

    def save(self, out: str | Path, *, force: bool = False) -> Path:
        """Write the page to a file, and return its path. An earlier report is replaced.

        Args:
            out: the file.
            force: replace it also if it is another file.

        Raises:
            InputError: there is another file, or it is one of `sources` or in one of them, or it cannot be written.
        """
        path = user_path(out)
        refuse_inputs(path, self.sources)
        check_page(path, force=force)
        with writing(path):
            replace_file(path, self.html)
        return path


def check_page(out: Path, *, force: bool = False) -> None:
    """Check that a report may be written to this path.

    Raises:
        InputError: there is another file, and `force` is off; or it is not a regular file.
    """
    with writing(out):
        check_output(out, force=force or _is_report(out))


def _is_report(path: Path) -> bool:
    if kind_of(path) is not None or not path.exists():
        return False
    with open_regular(path) as file:
        return file.read(len(MARK)) == MARK.encode()


def report(
    *results: str | Path,
    baseline: str | None = None,
    scope: str | None = None,
    task: str | None = None,
    show: int | str = 3,
    max_size: str = "25MB",
    text: bool = True,
    title: str | None = None,
    set_of: str | None = None,
    scores: str | Path | None = None,
) -> Report:
    """The report of `hesnr report`. A notebook shows it; `save` writes it to a file.

    Args:
        results: results files, folders of them, sweeps, or folders of token tables.
        baseline: the name of the run that all others are compared with; the first if None.
        scope: the scope of the page; `action` if None.
        task: one of several tasks in the results; the first if None.
        show: how many trajectories to show token by token, or their ids, separated by commas.
        max_size: show fewer if the page would be larger.
        text: whether the page has the words of the trajectories.
        title: the heading of the page.
        set_of: the name of a run; all runs are also measured on its decisions, which reads all token tables.
        scores: SCORES.csv of `hesnr correlate`, to say whether he_snr predicts them.

    Raises:
        InputError: there is no run; or there is no such baseline, scope, task or trajectory; or a score is wrong.
    """
    request = ReportRequest(
        paths=[user_path(path) for path in results],
        baseline=baseline,
        scope=scope,
        task=task,
        show=str(show),
        max_size=size_in_bytes(max_size, "max_size"),
        with_text=text,
        title=title,
        set_of=set_of,
        scores=None if scores is None else user_path(scores),
    )
    return make_report(request)


def write_report(inputs: Sequence[Path], out: Path) -> None:
    """Write the report about these inputs to a file, with the default options. An earlier report is replaced.

    Raises:
        InputError: there is no run, or the file cannot be written.
    """
    make_report(ReportRequest(paths=inputs)).save(out)


def make_report(request: ReportRequest) -> Report:
    """The report that is asked for.

    Raises:
        InputError: there is no run; or there is no such baseline, scope, task or trajectory; or the page is too large.
    """
    inputs = read_inputs(request.paths, request.task)
    subject = subject_of(inputs.runs, request.baseline, request.scope)
    findings = diagnose([_without_tables(run.run) for run in inputs.runs])
    words, documents = first_words(subject, findings), documents_of(subject)
    views, notes = views_of(subject, documents, request.show, with_text=request.with_text)
    predict, unmatched = _prediction(request, subject)
    on_set, not_measured = (None, []) if request.set_of is None else reference_table(subject, request.set_of)
    notes = [*inputs.notes, *_other_tasks(inputs), *notes, *unmatched, *not_measured]
    not_read = [f"not shown: {line}" for line in inputs.bad]
    title = request.title or _title(subject)
    page = Page(
        title=title, subject=subject, words=words, documents=documents, findings=findings, notes=[*not_read, *notes],
        on_set=on_set, predict=predict,
    )  # fmt: skip
    html, left_out = page.html(views, request.max_size)
    used = [path for run in inputs.runs for path in (run.source, run.tables)]
    sources = [path for path in (*request.paths, *used, request.scores) if path is not None]
    return Report(html=html, words=words, bad=inputs.bad, notes=[*notes, *left_out], sources=sources)


def _prediction(request: ReportRequest, subject: Subject) -> tuple[dict[str, Any] | None, list[str]]:
    if request.scores is None:
        return None, []
    from lm_eval_hesnr.results.report.predicts import prediction  # imports scipy, which only this option needs

    return prediction(request.scores, subject)


def _without_tables(run: Run) -> Run:
    """The run without the folder of its token tables: to read all tables of many runs takes minutes."""
    metadata = run.config.get("metadata")
    kept = {key: value for key, value in metadata.items() if key != "token_table"} if isinstance(metadata, dict) else {}
    return run._replace(config={**run.config, "metadata": kept})


def _other_tasks(inputs: Inputs) -> list[str]:
    if not inputs.other_tasks:
        return []
    return [f"note: this is task {inputs.task}; the results also have {', '.join(inputs.other_tasks)} (--task)"]


def _title(subject: Subject) -> str:
    n_documents = subject.baseline.run.config["summary"][subject.scope]["documents"]
    return f"HE-SNR: {counted(len(subject.runs), 'checkpoint')}, {counted(n_documents, 'trajectory')}"
