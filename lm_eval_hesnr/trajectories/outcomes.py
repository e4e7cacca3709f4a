"""Whether a run solved its task, according to the report files next to it. Without a report it is unknown."""

from __future__ import annotations

import logging
import math
from bisect import bisect_left
from collections.abc import Mapping
from functools import lru_cache
from itertools import islice, takewhile
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from lm_eval_hesnr.trajectories.file_names import NOT_RUNS, REPORTS
from lm_eval_hesnr.trajectories.json_values import dict_of, list_of
from lm_eval_hesnr.trajectories.listing import kept_for_folder
from lm_eval_hesnr.trajectories.records import has_known_ending
from lm_eval_hesnr.trajectories.side_files import LARGEST, json_of

_SUMMARY_KEYS = {"resolved_ids", "total_instances"}
_HARBOR_KEYS = {"trial_name", "verifier_result"}
_FAILED_LISTS = ("unresolved_ids", "empty_patch_ids", "error_ids", "completed_ids")
_GROUPS_KEPT = 16
"""For how many models, and for how many run ids, the summaries of a folder are kept together."""
_Verdicts = Mapping[str, bool]
_Agreed = Mapping[str, "bool | None"]
_MANY = (".jsonl", ".ndjson", ".parquet")
"""Endings of files that can contain many runs."""

eval_logger = logging.getLogger("lm_eval.hesnr")


def is_report(data: Any) -> bool:
    """Whether decoded JSON is a report, summary or prediction file of SWE-bench, or a result of Harbor, not a run."""
    if not isinstance(data, dict) or not data:
        return False
    if data.keys() >= _SUMMARY_KEYS or data.keys() >= _HARBOR_KEYS:
        return True
    if isinstance(data.get("resolved"), bool) and "patch_exists" in data:
        return True
    values = list(data.values())
    return all(isinstance(value, dict) and ("model_patch" in value or "resolved" in value) for value in values)


def resolved_by_report(path: Path, instance: str, model: str | None) -> bool | None:
    """The outcome of the run in `path`; None if it is unknown.

    The first of these that has an answer counts:
    - `report.json` or `results.json` next to the run: by instance, with `resolved_ids`, or flat. A flat report does not
      name its run. It counts only if its folder contains one run.
    - SWE-bench summaries `<model>.<run id>.json` next to the run or up to two folders above. A summary counts if its
      run id is the name of the run's folder or of the folder above; if there is no such summary, those of the same
      model count. Summaries that disagree give no answer.
    - the reward of a Harbor trial, see `resolved_by_reward`.
    """
    for name in REPORTS:
        report = json_of(path.with_name(name), derive=_report)
        if report is not None:
            verdict = report.verdicts.get(instance)
            verdict = report.flat if verdict is None and report.flat is not None and _is_only_run(path) else verdict
            if isinstance(verdict, bool):
                return verdict
    folders = [path.parent, *path.parent.parents][:3]
    every = [_summaries(folder) for folder in folders]
    of_run = [found for one in every for folder in folders[:2] if (found := one.of_run(folder.name)) is not None]
    of_model = [found for one in every if model and (found := one.of_model(model)) is not None]
    verdicts = {found[instance] for found in of_run or of_model if instance in found}
    verdict = verdicts.pop() if len(verdicts) == 1 else None
    return resolved_by_reward(path) if verdict is None else verdict


def resolved_by_reward(path: Path) -> bool | None:
    """The outcome according to the files of a Harbor trial: its `result.json`, otherwise the file of its verifier.

    The files are next to the run, or one folder above if the run is in the trial's folder `agent`. Only the full reward
    of 1 is a solved task: with a fraction, some tests failed. If the verifier never ran, the outcome is unknown.
    """
    for folder in (path.parent, path.parent.parent):
        verifier = dict_of(dict_of(json_of(folder / "result.json")).get("verifier_result"))
        for reward in (dict_of(verifier.get("rewards")).get("reward"), json_of(folder / "verifier" / "reward.txt")):
            if isinstance(reward, (int, float)) and not isinstance(reward, bool) and math.isfinite(reward):
                return reward >= 1
    return None


class _Report(NamedTuple):
    """A decoded report, so that the outcome of one of many runs is found without a search."""

    verdicts: Mapping[str, Any]
    """Instance -> its verdict: true, false, or a value of another type, which has no answer."""
    flat: bool | None
    """The verdict of a report that does not name its run."""


def _report(data: Any) -> _Report:
    """What a decoded report says."""
    report = dict_of(data)
    flat = report.get("resolved")
    by_instance = {name: dict_of(value).get("resolved") for name, value in report.items()}
    named = {name: verdict for name, verdict in by_instance.items() if verdict is not None}
    return _Report({**_verdicts(report), **named}, flat if isinstance(flat, bool) else None)


def _verdicts(summary: dict[str, Any]) -> _Verdicts:
    """Instance -> whether it is resolved, from the lists of a summary. It is, if it is also in another list."""
    found: dict[str, bool] = {}
    for key, verdict in (*((key, False) for key in _FAILED_LISTS), ("resolved_ids", True)):
        found.update((name, verdict) for name in list_of(summary.get(key)) if isinstance(name, str))
    return found


class _Summaries:
    """The SWE-bench summaries in one folder. For many runs, those of one model or run id are put together once."""

    def __init__(self, found: list[tuple[str, _Verdicts]]) -> None:
        self.names = frozenset(f"{name}.json" for name, _ in found)
        """The names of the files."""
        self._by_beginning = sorted(found, key=itemgetter(0))
        self._by_end = sorted(((name[::-1], verdicts) for name, verdicts in found), key=itemgetter(0))
        self.of_model = lru_cache(maxsize=_GROUPS_KEPT)(self._of_model)
        self.of_run = lru_cache(maxsize=_GROUPS_KEPT)(self._of_run)

    def _of_model(self, model: str) -> _Agreed | None:
        """What the summaries of this model agree on; None if there are none. A name begins with the model."""
        return _agreed(_beginning_with(self._by_beginning, model.replace("/", "__") + "."))

    def _of_run(self, run_id: str) -> _Agreed | None:
        """What the summaries with this run id agree on; None if there are none. A name ends with the run id."""
        return _agreed(_beginning_with(self._by_end, f".{run_id}"[::-1]))


def _beginning_with(found: list[tuple[str, _Verdicts]], prefix: str) -> list[_Verdicts]:
    """The verdicts whose names begin with a prefix, from a sorted list."""
    begin = bisect_left(found, prefix, key=itemgetter(0))
    own = takewhile(lambda one: one[0].startswith(prefix), islice(found, begin, None))
    return [verdicts for _, verdicts in own]


def _agreed(every: list[_Verdicts]) -> _Agreed | None:
    """Instance -> the verdict of all summaries that name it; None where they disagree."""
    if len(every) < 2:
        return every[0] if every else None
    found: dict[str, bool | None] = {}
    for verdicts in every:
        for name, verdict in verdicts.items():
            found[name] = verdict if found.get(name, verdict) is verdict else None
    return found


@kept_for_folder
def _summaries(folder: Path) -> _Summaries:
    found: list[tuple[str, _Verdicts]] = []
    n_bytes = 0
    for path in sorted(folder.glob("*.*.json")):
        data = None if path.name.endswith(".traj.json") else json_of(path, needle=b'"total_instances"')
        if isinstance(data, dict) and data.keys() >= _SUMMARY_KEYS:
            n_bytes += path.stat().st_size
            if n_bytes > LARGEST:
                eval_logger.warning("%s: summaries of more than %d MiB; the rest is not read", folder, LARGEST >> 20)
                break
            found.append((path.stem, _verdicts(data)))
    return _Summaries(found)


def _is_only_run(path: Path) -> bool:
    """Whether a file is the only one in its folder that can contain a run, and cannot contain a second one."""
    several = path.name in NOT_RUNS or any(suffix in _MANY for suffix in path.suffixes)
    return not several and _runs(path.parent) <= {path.name}


@kept_for_folder
def _runs(folder: Path) -> frozenset[str]:
    """The names of a folder's files that may contain runs, without the summaries."""
    names = {path.name for path in folder.glob("*") if has_known_ending(path)}
    return frozenset(names - NOT_RUNS - _summaries(folder).names)
