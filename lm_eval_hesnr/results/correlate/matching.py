"""Which run belongs to which checkpoint of SCORES, by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.messages.counts import first_names
from lm_eval_hesnr.results.compare.comparable import CONTEXT
from lm_eval_hesnr.results.compare.compared_run import ComparedRun
from lm_eval_hesnr.results.correlate.scores import Score


class Matched(NamedTuple):
    """Pairs of a score and a run, and what has no partner."""

    pairs: list[tuple[Score, ComparedRun]]
    without_run: list[str]
    """Checkpoints of SCORES."""
    without_score: list[str]
    """Runs."""


def match(path: Path, scores: Sequence[Score], runs: Sequence[ComparedRun]) -> Matched:
    """Match each score with the run whose name, model or folder is its checkpoint.

    The name of the run and the whole name of the model come first, then the last part of the model's path, then any
    folder above the results. Runs from token tables replace those from results files.

    Args:
        path: SCORES.csv, for messages.
        scores: of different checkpoints.
        runs: with different names.

    Raises:
        InputError: a checkpoint matches several runs, two checkpoints match the same run, or nothing matches.
    """
    found: dict[str, tuple[Score, ComparedRun]] = {}
    without_run = []
    for score in scores:
        run = _run_of(path, score, runs)
        if run is None:
            without_run.append(score.checkpoint)
        elif run.name in found:
            other = found[run.name][0]
            raise InputError(
                f"{path}, line {score.line}, checkpoint: {score.checkpoint!r:.60} and {other.checkpoint!r:.60} (line "
                f"{other.line}) are both the run {run.name}; remove one of them"
            )
        else:
            found[run.name] = score, run
    if not found:
        raise InputError(
            f"{path}: no checkpoint of it is one of the runs; it has {first_names(without_run)}, and the runs are "
            f"{first_names([run.name for run in runs])}; write the names of the runs into the column checkpoint"
        )
    used = {run.source for _, run in found.values()}
    same = {_what_ran(run) for _, run in found.values()}
    left = [run.name for run in runs if run.source not in used and _what_ran(run) not in same]
    return Matched(list(found.values()), without_run, left)


def _run_of(path: Path, score: Score, runs: Sequence[ComparedRun]) -> ComparedRun | None:
    for level in range(3):
        some = [run for run in runs if score.checkpoint in _names(run)[level]]
        some = [run for run in some if run.tables is not None] or some
        if len(some) > 1:
            raise InputError(
                f"{path}, line {score.line}, checkpoint: {score.checkpoint!r:.60} is the name of several runs: "
                f"{first_names([str(run.source) for run in some])}; give the results of one of them, or a longer name"
            )
        if some:
            return some[0]
    return None


def _what_ran(run: ComparedRun) -> tuple[str, ...]:
    """The model and its context. A results file and the token tables of the same run have the same."""
    return _whole_name(run), *(str(run.signature.get(key)) for key in CONTEXT)


def _names(run: ComparedRun) -> tuple[set[str], set[str], set[str]]:
    """The names of a run on three levels, the most specific ones first."""
    whole = _whole_name(run)
    return (
        {run.name, whole, *([] if "@" in whole else [f"{whole}@main"])},
        {Path(run.model).name} | ({whole.partition("@")[2]} if "@" in whole else set()),
        {run.source.name, run.source.stem, *run.source.parts},
    )


def _whole_name(run: ComparedRun) -> str:
    """The model, with its revision if that is not the usual one."""
    revision = run.signature.get("revision")
    return run.model if revision in (None, "main", "None") else f"{run.model}@{revision}"
