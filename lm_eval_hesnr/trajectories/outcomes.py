"""Whether a run solved its task, according to the report files next to it. Without a report it is unknown."""

from __future__ import annotations

import logging
import math
from functools import lru_cache
from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.file_names import NOT_RUNS, REPORTS
from lm_eval_hesnr.trajectories.json_values import dict_of, list_of
from lm_eval_hesnr.trajectories.records import has_known_ending
from lm_eval_hesnr.trajectories.side_files import LARGEST, json_of

_SUMMARY_KEYS = {"resolved_ids", "total_instances"}
_HARBOR_KEYS = {"trial_name", "verifier_result"}
_FAILED_LISTS = ("unresolved_ids", "empty_patch_ids", "error_ids", "completed_ids")
_LISTS = ("resolved_ids", *_FAILED_LISTS)
_FOLDERS_KEPT = 16
"""The folder of a run and the two above it are needed, and runs are read folder by folder."""
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
        report = dict_of(json_of(path.with_name(name)))
        verdict = dict_of(report.get(instance)).get("resolved")
        verdict = _verdict(report, instance) if verdict is None else verdict
        if verdict is None and isinstance(report.get("resolved"), bool) and _is_only_run(path):
            verdict = report["resolved"]
        if isinstance(verdict, bool):
            return verdict
    folders = [path.parent, *path.parent.parents][:3]
    summaries = [summary for folder in folders for summary in _summaries(folder, _changed_ns(folder))]
    of_run = [data for name, data in summaries if any(name.endswith(f".{folder.name}") for folder in folders[:2])]
    prefix = model.replace("/", "__") + "." if model else None
    of_model = [data for name, data in summaries if prefix and name.startswith(prefix)]
    verdicts = {verdict for data in of_run or of_model if (verdict := _verdict(data, instance)) is not None}
    return verdicts.pop() if len(verdicts) == 1 else resolved_by_reward(path)


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


def _verdict(summary: dict[str, Any], instance: str) -> bool | None:
    if instance in list_of(summary.get("resolved_ids")):
        return True
    return False if any(instance in list_of(summary.get(key)) for key in _FAILED_LISTS) else None


@lru_cache(maxsize=_FOLDERS_KEPT)
def _summaries(folder: Path, changed_ns: int) -> list[tuple[str, dict[str, Any]]]:
    """The SWE-bench summaries in a folder: (name without .json, the lists of instances)."""
    found: list[tuple[str, dict[str, Any]]] = []
    n_bytes = 0
    for path in sorted(folder.glob("*.*.json")):
        data = None if path.name.endswith(".traj.json") else json_of(path, needle=b'"total_instances"')
        if isinstance(data, dict) and data.keys() >= _SUMMARY_KEYS:
            n_bytes += path.stat().st_size
            if n_bytes > LARGEST:
                eval_logger.warning("%s: summaries of more than %d MiB; the rest is not read", folder, LARGEST >> 20)
                break
            found.append((path.stem, {key: data[key] for key in _LISTS if key in data}))
    return found


def _is_only_run(path: Path) -> bool:
    """Whether a file is the only one in its folder that can contain a run, and cannot contain a second one."""
    several = path.name in NOT_RUNS or any(suffix in _MANY for suffix in path.suffixes)
    return not several and not _runs(path.parent, _changed_ns(path.parent)) - {path.name}


@lru_cache(maxsize=_FOLDERS_KEPT)
def _runs(folder: Path, changed_ns: int) -> frozenset[str]:
    """The names of a folder's files that may contain runs, without the summaries."""
    names = {path.name for path in folder.glob("*") if has_known_ending(path)}
    return frozenset(names - NOT_RUNS - {f"{name}.json" for name, _ in _summaries(folder, changed_ns)})


def _changed_ns(folder: Path) -> int:
    """When a folder last changed; a key of the caches, so that they do not become stale."""
    try:
        return folder.stat().st_mtime_ns
    except OSError:  # for example a data set of the Hub
        return 0
