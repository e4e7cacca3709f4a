"""Whether a run solved its task, by the report files beside it. Nothing is guessed: no report, no answer."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.json_values import dict_of, json_of, list_of
from lm_eval_hesnr.trajectories.records import is_container

_SUMMARY_KEYS = {"resolved_ids", "total_instances"}
_HARBOR_KEYS = {"trial_name", "verifier_result"}
_REPORTS = ("report.json", "results.json")
_NO_RUNS = {*_REPORTS, "result.json", "preds.json", "all_preds.jsonl", "predictions.jsonl"} | {
    "config.json",
    "metadata.json",
    "base_state.json",
    "lock.json",
}
"""Files beside runs that are none, by their names."""
_MANY = (".jsonl", ".ndjson", ".parquet")
"""How the name of a file may go on that can hold many runs."""


def is_report(data: Any) -> bool:
    """Whether decoded JSON is a SWE-bench report, summary or prediction file, or Harbor's: it lies beside runs."""
    if not isinstance(data, dict) or not data:
        return False
    if data.keys() >= _SUMMARY_KEYS or data.keys() >= _HARBOR_KEYS:
        return True
    if isinstance(data.get("resolved"), bool) and "patch_exists" in data:
        return True
    values = list(data.values())
    return all(isinstance(value, dict) and ("model_patch" in value or "resolved" in value) for value in values)


def resolved_by_report(path: Path, instance: str, model: str | None) -> bool | None:
    """The outcome of the run in `path`: a report beside it, else a SWE-bench summary beside or above it, else a reward.

    A report is `report.json` or `results.json`: by instance, with `resolved_ids`, or flat. A flat one names no run: it
    speaks of the one that its folder holds, and of none where there are several. A summary is called
    `<model>.<run id>.json`. It speaks of the run if its run id is the name of a folder the file lies in, or else if it
    names the same model; several that disagree tell nothing.
    """
    for name in _REPORTS:
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
    """The outcome by the files of a Harbor trial: its `result.json`, else what its verifier wrote.

    They lie beside the run or, as the run lies in the trial's folder `agent`, one folder above. Only a full reward of 1
    is a solved task: a fraction says that some tests failed. A verifier that never ran tells nothing.
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
    failed = ("unresolved_ids", "empty_patch_ids", "error_ids", "completed_ids")
    return False if any(instance in list_of(summary.get(key)) for key in failed) else None


@lru_cache(maxsize=256)
def _summaries(folder: Path, changed_ns: int) -> list[tuple[str, dict[str, Any]]]:
    """The SWE-bench summaries that lie in a folder: (name without .json, content)."""
    small = (path for path in sorted(folder.glob("*.*.json")) if not path.name.endswith(".traj.json"))
    loaded = ((path.stem, json_of(path)) for path in small)
    return [(name, data) for name, data in loaded if isinstance(data, dict) and data.keys() >= _SUMMARY_KEYS]


def _is_only_run(path: Path) -> bool:
    """Whether a path is the one thing of its folder that can hold a run, and can hold no second one."""
    several = path.name in _NO_RUNS or any(suffix in _MANY for suffix in path.suffixes)
    return not several and not _runs(path.parent, _changed_ns(path.parent)) - {path.name}


@lru_cache(maxsize=256)
def _runs(folder: Path, changed_ns: int) -> frozenset[str]:
    """The names of a folder's files that may hold runs; none of them is read but what `_summaries` reads."""
    names = {path.name for path in folder.glob("*") if is_container(path)}
    return frozenset(names - _NO_RUNS - {f"{name}.json" for name, _ in _summaries(folder, changed_ns)})


def _changed_ns(folder: Path) -> int:
    """When a folder last changed, so that what is remembered of it is not stale."""
    try:
        return folder.stat().st_mtime_ns
    except OSError:  # such as a data set of the Hub
        return 0
