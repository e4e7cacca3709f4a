"""Executes and measures one run: from a script to a trajectory in the curated form."""

from __future__ import annotations

import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assets_src.swe_mini.editor import edit
from assets_src.swe_mini.programs import versions_of
from assets_src.swe_mini.sandbox import Outcome, Sandbox
from assets_src.swe_mini.script import Script
from assets_src.swe_mini.styles import STYLES, Turn
from lm_eval_hesnr.samples import instructions
from lm_eval_hesnr.trajectories.writers.answers import SUBMIT_COMMAND, SUBMIT_MARKER

LANGUAGES = {
    ".py": "Python",
    ".js": "JavaScript",
    ".mjs": "JavaScript",
    ".cjs": "JavaScript",
    ".sh": "shell",
    ".bash": "shell",
    ".awk": "awk",
    ".c": "C",
    ".h": "C",
    ".rs": "Rust",
    ".go": "Go",
    ".sql": "SQL",
    ".toml": "TOML",
    ".yaml": "YAML",
    ".yml": "YAML",
    ".json": "JSON",
    ".ini": "INI",
    ".mk": "make",
}
"""Language by file ending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One executed run, with its numbers and its log line."""

    trajectory: dict[str, Any]
    n_steps: int
    n_failed: int
    log_line: str


def record(script: Script) -> Recording:
    """Execute a run; raises ValueError if it does not end as its `Expected:` line says."""
    with tempfile.TemporaryDirectory(prefix="swe_mini_") as folder:
        sandbox = Sandbox(script, Path(folder))
        before = sandbox.check_passes()
        turns = list(_play(script, sandbox))
        after, own_tests = sandbox.check_passes(), sandbox.own_tests_pass()
    resolved = after and own_tests
    if before or resolved != script.expect_resolved:
        raise ValueError(
            f"{script.name}: expected {'resolved' if script.expect_resolved else 'unresolved'}, but the check passes "
            f"before: {before} (must be False), after: {after}, and the repository's own tests pass: {own_tests}"
        )
    outcomes = [outcome for _, outcome in turns if outcome is not None]
    n_failed = sum(outcome.returncode != 0 for outcome in outcomes)
    patch = outcomes[-1].output.removeprefix(SUBMIT_MARKER)
    task = instructions(script.agent).task.format(name=script.name, issue=script.issue, seconds=sandbox.seconds)
    trajectory = {
        "format": "hesnr-trajectory",
        "version": 1,
        "id": f"swe-mini/{script.name}",
        "source": script.agent,
        "resolved": resolved,
        "model": "hand-written",
        "segments": [
            {"kind": "system", "text": instructions(script.agent).system, "generated": False},
            {"kind": "task", "text": task, "generated": False},
            *(segment for segments, _ in turns for segment in segments),
        ],
        "meta": {
            "title": script.title,
            "steps": len(outcomes),
            "failed_commands": n_failed,
            "check_before": before,
            "check_after": after,
            "own_tests_after": own_tests,
            "style": script.agent,
            "language": _language(patch),
            "exit_codes": [outcome.returncode for outcome in outcomes],
            "versions": {"python3": "{}.{}".format(*sys.version_info), **versions_of(script.needs)},
        }
        | ({} if STYLES[script.agent].submission(patch) else {"patch": patch}),
    }
    words = {True: "pass", False: "fail"}
    log_line = (
        f"{script.name:<12} {script.agent:<14} {len(outcomes):>2} steps, {n_failed} failing commands, "
        f"{len(turns) - len(outcomes)} format errors; check {words[before]} -> {words[after]}, own tests "
        f"{words[own_tests]}: {'resolved' if resolved else 'unresolved'}"
    )
    return Recording(trajectory=trajectory, n_steps=len(outcomes), n_failed=n_failed, log_line=log_line)


def _play(script: Script, sandbox: Sandbox) -> Iterator[tuple[list[dict[str, Any]], Outcome | None]]:
    """Execute the turns in order. Yields the segments of each turn with its answer, and the outcome of its call."""
    style = STYLES[script.agent]
    for number, text in enumerate(script.turns, start=1):
        where = f"{script.name}, turn {number}"
        try:
            turn = style.cut(text)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None
        if not turn.tool:
            yield [*turn.segments, _shown("other", turn.note)], None
            continue
        if (turn.tool == "submit") != (number == len(script.turns)):
            raise ValueError(f"{where}: only the last turn may submit, and it must")
        outcome = _run(turn, script, sandbox, where)
        if turn.tool == "submit":
            answer = style.submission(outcome.output.removeprefix(SUBMIT_MARKER))
            yield [*turn.segments, *([_shown("other", answer)] if answer else [])], outcome
        else:
            answer = style.answer(outcome.returncode, outcome.output)
            yield [*turn.segments, _shown("observation", answer)], outcome


def _run(turn: Turn, script: Script, sandbox: Sandbox, where: str) -> Outcome:
    """Execute one call."""
    if turn.tool == "str_replace_editor":
        return edit(turn.arguments, sandbox.repo, f"/repo/{script.name}")
    command = turn.arguments.get("command", SUBMIT_COMMAND)
    if re.search(r"/(tmp|work|home)\b", command):
        raise ValueError(f"{where}: the command names a path outside of the sandbox; use relative paths")
    outcome = sandbox.execute(command)
    if (turn.tool == "submit" and "command" in turn.arguments) != outcome.output.startswith(SUBMIT_MARKER):
        raise ValueError(f"{where}: only the last turn may submit, and it must: {outcome.output!r:.200}")
    return outcome


def _shown(kind: str, text: str) -> dict[str, Any]:
    return {"kind": kind, "text": text, "generated": False}


def _language(patch: str) -> str:
    """The language of most changed lines of a patch. Tests and prose do not count."""
    counts: Counter[str] = Counter()
    language = None
    for line in patch.splitlines():
        if line.startswith("diff --git"):
            path = Path(line.rsplit(" b/", 1)[-1])
            language = None if "tests" in path.parts else LANGUAGES.get(path.suffix)
        elif language and line.startswith(("+", "-")) and not line.startswith(("+++", "---")):
            counts[language] += 1
    if not counts:
        raise ValueError("the patch changes no file of a known language outside of tests/")
    return counts.most_common(1)[0][0]
