"""ATIF, the trajectory format of Harbor (terminal-bench), versions 1.0 to 1.8: `agent/trajectory.json`.

Some agents, such as mini-swe-agent, also write their native file next to the ATIF file. The native file is preferred,
as it has the original arguments and context. The ATIF file then raises `PartOfRunError`.

A run may be split over several files. It is read with all its continuations, and a continuation alone raises
`PartOfRunError`, if the file before it is readable. If a continuation is missing, `meta["incomplete"]` says so. If
several files name the same continuation, it belongs to the first one, and the others are bad.

The work of a sub-agent is not part of the run. It has a file of its own, with the outcome of the same trial. Steps and
trajectories of sub-agents inside the run's file are left out, and `meta` has their number.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories import decoding
from lm_eval_hesnr.trajectories.checked import checked
from lm_eval_hesnr.trajectories.json_values import dict_of, list_of, text_of
from lm_eval_hesnr.trajectories.listing import changed_ns, kept_for_folder, paths_in
from lm_eval_hesnr.trajectories.outcomes import resolved_by_reward
from lm_eval_hesnr.trajectories.readers.atif_steps import step_segments
from lm_eval_hesnr.trajectories.readers.common import PartOfRunError, run_name
from lm_eval_hesnr.trajectories.schema import Trajectory
from lm_eval_hesnr.trajectories.side_files import json_of

FORMAT = "ATIF 1.0 to 1.8"

_VERSIONS = tuple(f"ATIF-v1.{minor}" for minor in range(9))
_MOST_FILES = 100
"""The most files of one run. Each file of a longer run would read all files after it."""
_SOURCES = ("system", "user", "agent")
_log = logging.getLogger("lm_eval.hesnr")


def detect(data: Any) -> bool:
    """Whether `schema_version` names ATIF."""
    return isinstance(data, dict) and str(data.get("schema_version", "")).startswith("ATIF")


def read(data: Any, path: Path) -> Trajectory:
    """Return the trajectory that begins in this file. Raises ValueError with the number of a malformed step.

    Raises:
        PartOfRunError: this file continues another one, or was converted from the native file next to it.
    """
    native = path.with_name(path.name.replace("trajectory.json", "mini-swe-agent.trajectory.json"))
    if dict_of(data.get("agent")).get("name") == "mini-swe-agent" and native != path and native.is_file():
        raise PartOfRunError(native)
    for before in _continued(path.parent).get(path.name, [])[:1] if path.exists() else ():
        if _is_read(before, changed_ns(path.parent)):
            raise PartOfRunError(before)
    return _whole(data, path)


def _whole(data: dict[str, Any], path: Path) -> Trajectory:
    """The trajectory that begins in this file, with its continuations."""
    if data["schema_version"] not in _VERSIONS:
        _log.warning("%s: unknown version %r is read like the known ones (%s)", path, data["schema_version"], FORMAT)
    steps, incomplete = _steps(data, path)
    # in a sub-agent's own file, every step is marked as sidechain
    own = [step for step in steps if not _is_sidechain(step)] or steps
    agent = dict_of(data.get("agent"))
    model = agent.get("model_name") or next((step["model_name"] for step in own if step.get("model_name")), None)
    left_out = {
        "sidechain_steps_left_out": len(steps) - len(own),
        "subagents_left_out": len(list_of(data.get("subagent_trajectories"))),
    }
    return Trajectory(
        id=str(data.get("trajectory_id") or data.get("session_id") or run_name(path)),
        source=str(data["schema_version"]),
        resolved=resolved_by_reward(path),
        model=str(model) if model else None,
        segments=tuple(step_segments(own, agent)),
        meta={
            **{f"agent_{key}": agent[key] for key in ("name", "version") if key in agent},
            **{key: count for key, count in left_out.items() if count},
            **({"incomplete": incomplete} if incomplete else {}),
        },
    )


@lru_cache(maxsize=1024)
def _is_read(path: Path, changed_ns: int) -> bool:
    """Whether a file is read with its continuations. A hostile file may name a good one, or two may name each other."""
    try:
        checked(_whole(json_of(path, largest=decoding.MAX_BYTES), path))
    except (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError):
        return False  # the reason is reported when the file is read
    return True


def _steps(data: dict[str, Any], path: Path) -> tuple[list[dict[str, Any]], str]:
    """The steps of this file and its continuations, and a sentence about a missing continuation (empty if complete).

    Context that a continuation repeats is read once.
    """
    steps, incomplete = _own_steps(data, ""), ""
    seen, names, here = {_identity(step) for step in steps}, {path.name}, path.name
    following = data.get("continued_trajectory_ref")
    while following:
        if not isinstance(following, str) or Path(following).name != following or following in names:
            raise ValueError(f"continued_trajectory_ref {following!r:.80} should name another file in the same folder")
        if len(names) >= _MOST_FILES:
            raise ValueError(f"a run in more than {_MOST_FILES} files")
        _check_owner(path.with_name(here), following)
        here = following
        names.add(following)
        continuation = json_of(path.parent / following, largest=decoding.MAX_BYTES)
        if not detect(continuation):
            incomplete = f"the run goes on in {following!r:.80}, which is missing or not an ATIF file"
            _log.warning("%s: %s", path, incomplete)
            break
        for step in _own_steps(continuation, f"{following}, "):
            if not (step.get("is_copied_context") and _identity(step) in seen):
                steps.append(step)
                seen.add(_identity(step))
        following = continuation.get("continued_trajectory_ref")
    return steps, incomplete


def _check_owner(path: Path, following: str) -> None:
    """Raise ValueError if a continuation belongs to another file. With n owners, it would be read n times."""
    owner = next(iter(_continued(path.parent).get(following, ())), None)
    if path.exists() and path.with_name(following).is_file() and (owner is None or owner.name != path.name):
        other = f"already continues {owner.name}" if owner else "can only continue a .json file of one run"
        raise ValueError(f"continued_trajectory_ref {following!r:.80}: this file {other}")


def _own_steps(data: dict[str, Any], where: str) -> list[dict[str, Any]]:
    steps = data.get("steps")
    if not isinstance(steps, list) or not steps:
        raise ValueError(f"{where}key 'steps' should be a list with steps, found {steps!r:.40}")
    for i, step in enumerate(steps, start=1):
        if not isinstance(step, dict) or step.get("source") not in _SOURCES:
            raise ValueError(f"{where}step {i}: expected a source of {', '.join(_SOURCES)}, found {step!r:.60}")
    return steps


def _identity(step: dict[str, Any]) -> tuple[str, str]:
    """Source and message of a step. A repeated step has the same ones as the first."""
    return step["source"], text_of(step.get("message"))


def _is_sidechain(step: dict[str, Any]) -> bool:
    """Whether a sub-agent took the step, as Claude Code's conversion marks it."""
    return dict_of(step.get("extra")).get("is_sidechain") is True


@kept_for_folder
def _continued(folder: Path) -> dict[str, list[Path]]:
    """The files of a folder that continue another file: name of the continuation -> paths of the files that name it."""
    found: dict[str, list[Path]] = {}
    for path in (path for path in paths_in(folder) if path.suffix == ".json"):
        data = json_of(path, needle=b'"continued_trajectory_ref"', largest=decoding.MAX_BYTES)
        following = data.get("continued_trajectory_ref") if detect(data) else None
        if isinstance(following, str) and following != path.name:
            found.setdefault(following, []).append(path)
    return found
