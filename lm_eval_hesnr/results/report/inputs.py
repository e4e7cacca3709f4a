"""Reads the runs of a report: results files, folders of them, sweeps, and folders of token tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.messages.near import did_you_mean
from lm_eval_hesnr.results.compare.compared_run import ComparedRun, from_results
from lm_eval_hesnr.results.export.exported_run import ExportedRun
from lm_eval_hesnr.results.export.read_runs import read_runs
from lm_eval_hesnr.results.report.table_runs import run_of_tables
from lm_eval_hesnr.results.report.tables import folders_of_tables, given_folder, table_signature
from lm_eval_hesnr.results.run import Run
from lm_eval_hesnr.results.run_paths import Source, results_in, short_names, unique_names
from lm_eval_hesnr.results.sweep.state import read_state


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRun:
    """One run of a report."""

    name: str
    """Different for each run of the report."""
    run: Run
    source: Path
    """The results file, or the folder of token tables."""
    step: int | None = None
    tokens_seen: int | None = None
    """Tokens of the training until this checkpoint, as a sweep knows them."""
    sha256: str | None = None
    """The digest of the results file, 64 hexadecimal digits."""
    versions: Mapping[str, str] = field(default_factory=dict)
    date: str | None = None
    """The day of the run in UTC."""
    compared: ComparedRun | None = None
    """The run with its totals by trajectory."""
    not_compared: str | None = None
    """Why there are no totals."""
    tables: Path | None = None
    """The folder of its token tables."""

    def named(self, name: str) -> ReportRun:
        """The same run under another name."""
        compared = self.compared and self.compared.named(name)
        return replace(self, name=name, run=self.run._replace(name=name), compared=compared)


class Inputs(NamedTuple):
    """The runs of one task, in their order, and what the user should know."""

    runs: list[ReportRun]
    task: str
    other_tasks: list[str]
    """Other tasks in the results. The report does not show them."""
    bad: list[str]
    """One line for each file that cannot be read."""
    notes: list[str]


def read_inputs(paths: Sequence[Path], task: str | None) -> Inputs:
    """The runs at these paths. Those of a folder are ordered by step, others as given.

    Raises:
        InputError: there is no run at these paths, or none of this task.
    """
    bad: list[str] = []
    notes: list[str] = []
    found = []
    for path in paths:
        try:
            found += _runs_at(path, bad, notes)
        except InputError as error:
            bad.append(str(error))
    if not found:
        notes = [f"no results: {note.removeprefix('note: ')}" for note in notes]
        raise InputError([*bad, *notes, "no results: give results_*.json, folders of them, or a sweep"][0])
    tasks = list(dict.fromkeys(run.run.task for run in found))
    if task is not None and task not in tasks:
        raise InputError(f"--task {task}: {did_you_mean(task, tasks)}the results have {', '.join(tasks)}")
    chosen = task or tasks[0]
    runs = _with_tables([run for run in found if run.run.task == chosen], paths)
    return Inputs(_named(runs), chosen, [one for one in tasks if one != chosen], bad, notes)


def _runs_at(path: Path, bad: list[str], notes: list[str]) -> list[ReportRun]:
    if path.is_dir() and not (path / "sweep.json").exists() and not results_in(path):
        return list(_of_tables(path, bad))
    found = read_runs([path])
    bad += found.bad
    notes += [f"note: {line}" for line in found.missing]
    runs = [_report_run(one) for one in found.runs]
    if path.is_dir():
        runs.sort(key=lambda run: (run.step is None, run.step or 0))
    if not (path / "sweep.json").exists():  # the names of a sweep are those of its checkpoints
        return [run.named("") for run in runs]
    states = {run.name: read_state(path / run.name) for run in runs}
    return [replace(run, tokens_seen=state.tokens_seen if (state := states[run.name]) else None) for run in runs]


def _of_tables(path: Path, bad: list[str]) -> Iterator[ReportRun]:
    for folder in given_folder(path):
        try:
            yield run_of(folder)
        except InputError as error:
            bad.append(str(error))


def _report_run(found: ExportedRun) -> ReportRun:
    compared, reason = None, None
    try:
        compared = from_results(found.run, found.file).named(found.checkpoint)
    except InputError:
        reason = "its results file is of an older version, without its trajectories; score again"
    return ReportRun(
        name=found.checkpoint,
        run=found.run._replace(name=found.checkpoint),
        source=found.file,
        step=found.step,
        sha256=found.sha256,
        versions=found.versions,
        date=found.date,
        compared=compared,
        not_compared=reason,
    )


def run_of(folder: Path) -> ReportRun:
    """The run of a folder of token tables. Its numbers are measured from all of them.

    Raises:
        InputError: a table cannot be read.
    """
    run, compared = run_of_tables(folder)
    return ReportRun(name="", run=run, source=folder, compared=compared, tables=folder)


def _with_tables(runs: Sequence[ReportRun], paths: Sequence[Path]) -> list[ReportRun]:
    """The runs with their token tables.

    These are in the folder that the results name (`metadata.token_table`), or else in the first folder at the given
    paths that has the same signature and that no other run has.
    """
    named = [run.tables or _named_folder(run) for run in runs]
    if None not in named:
        return [replace(run, tables=folder) for run, folder in zip(runs, named, strict=True)]
    used = {folder.resolve() for folder in named if folder}
    others = [folder for path in paths if path.is_dir() for folder in folders_of_tables(path)]
    left = [(folder, table_signature(folder)) for folder in others if folder.resolve() not in used]
    found = []
    for run, folder in zip(runs, named, strict=True):
        equal = [one for one in left if one[1] and _is_equal(one[1], run.run.config["signature"])]
        if folder is None and equal:
            left.remove(equal[0])
            folder = equal[0][0]
        found.append(replace(run, tables=folder))
    return found


def _named_folder(run: ReportRun) -> Path | None:
    """The folder that the results of a run name, if it has token tables with the same signature."""
    metadata = run.run.config.get("metadata")
    given = metadata.get("token_table") if isinstance(metadata, dict) else None
    if not isinstance(given, str) or not given:
        return None
    for folder in (Path(given), Path(given) / run.run.task):
        signature = table_signature(folder)
        if signature and _is_equal(signature, run.run.config["signature"]):
            return folder
    return None


def _is_equal(table: Mapping[str, object], results: Mapping[str, object]) -> bool:
    """Whether all settings that both know are equal, and the model is one of them."""
    shared = [key for key in table if key in results]
    return "model" in shared and all(table[key] == results[key] for key in shared)


def _named(runs: Sequence[ReportRun]) -> list[ReportRun]:
    """The runs with different names: that of the checkpoint in a sweep, else the part of the path that differs."""
    return [run.named(name) for run, name in zip(runs, unique_names(list(_names(runs))), strict=True)]


def _names(runs: Sequence[ReportRun]) -> Iterator[str]:
    unnamed = [run for run in runs if not run.name]
    sources = [Source(run.source, has_tokens=run.sha256 is None) for run in unnamed]
    models = [str(run.run.config["signature"].get("model", "unknown model")) for run in unnamed]
    short = iter(short_names(sources, models) if unnamed else [])
    for run in runs:
        yield run.name or next(short)
