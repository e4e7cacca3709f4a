"""Reads the runs to export: results files, folders of them, and the folders of `hesnr sweep`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import user_path
from lm_eval_hesnr.messages.characters import one_line
from lm_eval_hesnr.results.export.exported_run import ExportedRun
from lm_eval_hesnr.results.results_file import read_results_file
from lm_eval_hesnr.results.run import Run
from lm_eval_hesnr.results.run_paths import Source, results_in, short_names
from lm_eval_hesnr.results.sweep.checkpoint import step_of
from lm_eval_hesnr.results.sweep.out_folder import FORMAT, VERSION
from lm_eval_hesnr.results.sweep.state import read_own_json, read_state

_STEP_WORD = re.compile("checkpoint|step|iter", re.IGNORECASE)
_LARGEST_K = 10**6
_LATEST = 1e11
"""Seconds since 1970. Later dates cannot be written as a day."""
_PACKAGES = {"lm_eval": "lm_eval_version", "transformers": "transformers_version"}
"""Package name to the key of its version in a results file."""


class Found(NamedTuple):
    """The runs of the files and folders that a user gave."""

    runs: list[ExportedRun]
    bad: list[str]
    """One line for each path that is not there, and for each file that is not what it should be."""
    missing: list[str]
    """One line for each checkpoint of a sweep that has no results."""


class _Source(NamedTuple):
    file: Path
    checkpoint: str | None = None
    step: int | None = None


def read_runs(paths: Iterable[Path]) -> Found:
    """The runs in these files and folders: a sweep in its own order, other folders in the order of their file names.

    Raises:
        InputError: a folder has no results files, or its sweep.json is not a file of `hesnr sweep`.
    """
    found = Found([], [], [])
    for source in (source for path in paths for source in _sources(path, found)):
        try:
            found.runs.extend(_read(source))
        except InputError as error:
            found.bad.append(str(error))
    return found._replace(runs=_with_unique_names(found.runs))


def _sources(path: Path, found: Found) -> list[_Source]:
    if not path.is_dir():
        if path.exists():
            return [_Source(path)]
        found.bad.append(f"{path}: there is no such file or folder; check the path")
        return []
    if (sweep := read_own_json(path / "sweep.json", FORMAT, VERSION)) is not None:
        return list(_sweep(path, sweep.get("checkpoints"), found))
    sources = [_Source(one.path) for one in results_in(path)]
    if not sources:
        raise InputError(f"{path}: has no results_*.json; give a folder that lm_eval --output_path wrote, or a sweep")
    return sources


def _sweep(folder: Path, names: Any, found: Found) -> Iterator[_Source]:
    """The results of each finished checkpoint of a sweep. The sweep may run meanwhile."""
    for name in map(str, names if isinstance(names, list) else []):
        try:
            state = read_state(folder / name)
            if state is None or state.status != "done" or state.results is None:
                found.missing.append(f"{folder / name}: left out, its state is {state.status if state else 'waiting'}")
                continue
            file = user_path(folder / name / state.results)
            if not file.is_file():
                raise InputError(f"{file}: there is no such file, but {name} is done; run the sweep again")
        except InputError as error:
            found.bad.append(str(error))
        else:
            yield _Source(file, name, state.step)


def _read(source: _Source) -> Iterator[ExportedRun]:
    found = read_results_file(source.file)
    for run in found.runs:
        _check(run, source.file)
    date = found.data.get("date")
    for run in found.runs:
        signature = run.config["signature"]
        yield ExportedRun(
            checkpoint=one_line(source.checkpoint or _checkpoint(signature)),
            step=source.step if source.checkpoint else _step(signature),
            task=one_line(run.task),
            run=run,
            file=source.file,
            sha256=found.sha256,
            commit=_commit(found.data),
            versions=_versions(found.data, signature),
            timestamp=date if isinstance(date, float) and 0 <= date < _LATEST else None,
        )


def _check(run: Run, file: Path) -> None:
    """Check what the exports need, and `runs_of` does not check."""
    k = run.config["signature"].get("k")
    if type(k) is not int or not 1 <= k <= _LARGEST_K:
        raise InputError(f"{file}: signature, k: expected a whole number of at least 1, found {k!r:.60}")
    for scope in run.config["summary"]:
        if one_line(scope) != scope:
            raise InputError(f"{file}: summary: expected the name of a scope, found {scope!r:.60}")


def _commit(data: dict[str, Any]) -> str | None:
    config = data.get("config")
    found = config.get("model_sha") if isinstance(config, dict) else None
    return found if isinstance(found, str) and re.fullmatch("[0-9a-f]{40}", found) else None


def _versions(data: dict[str, Any], signature: dict[str, Any]) -> dict[str, str]:
    found = {name: data.get(key) for name, key in _PACKAGES.items()}
    found |= {name: signature.get(name) for name in ("lm_eval_hesnr", "torch", "transformers") if signature.get(name)}
    return {name: one_line(str(version)) for name, version in found.items() if version}


def _checkpoint(signature: dict[str, Any]) -> str:
    """The last part of a path, or a Hub name with its revision."""
    name, revision = _name_and_revision(signature)
    return f"{name}@{revision}" if revision else name


def _name_and_revision(signature: dict[str, Any]) -> tuple[str, str]:
    """The last part of a path, or a Hub name; and the revision, empty if it is the usual one."""
    name, revision = str(signature.get("model") or "unknown"), signature.get("revision")
    is_path = name.count("/") > 1 or name.startswith((".", "/", "~"))
    return Path(name).name if is_path else name, "" if revision in (None, "main", "None") else str(revision)


def _step(signature: dict[str, Any]) -> int | None:
    """The step in the revision or in the name, if a word such as `checkpoint` is before it: `llama-3` has no step."""
    name, revision = _name_and_revision(signature)
    where = revision or name
    return step_of(where) if _STEP_WORD.search(where) else None


def _with_unique_names(runs: Iterable[ExportedRun]) -> list[ExportedRun]:
    """The runs. Runs of one task with the same name get what differs in their paths, as in hesnr measure."""
    found = list(runs)
    for task in dict.fromkeys(run.task for run in found):
        i_of_task = [i for i, run in enumerate(found) if run.task == task]
        names = [found[i].checkpoint for i in i_of_task]
        if len(set(names)) < len(names):
            files = [Source(found[i].file, has_tokens=False) for i in i_of_task]
            names = [one_line(name) for name in short_names(files, names)]
        for i, name in zip(i_of_task, names, strict=True):
            found[i] = replace(found[i], checkpoint=name)
    return found
