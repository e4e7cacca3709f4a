"""What CI runs exists: `.ci/run`, the workflows of GitHub and the targets of the Makefile fit together."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = re.findall(r"^([\w./-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)


def workflow(path: Path) -> dict[Any, Any]:
    """Return a workflow as YAML 1.1 decodes it: the key `on` becomes True."""
    return yaml.safe_load(path.read_text())


def steps(path: Path) -> list[dict[str, Any]]:
    """Return the steps of all jobs of a workflow."""
    return [step for job in workflow(path)["jobs"].values() for step in job["steps"]]


def commands(path: Path) -> list[str]:
    """Return the shell commands that a workflow runs."""
    return [line for step in steps(path) for line in step.get("run", "").splitlines()]


def test_ci_run_makes_targets_of_the_makefile():
    made = re.findall(r"\bmake ([\w./-]+)", (ROOT / ".ci" / "run").read_text())
    assert {"check", "test-all"} <= set(made) <= set(TARGETS)


def test_both_workflows_are_there():
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "newest-lm-eval.yml"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_starts_by_itself_and_pins_its_actions_to_a_major_version(path):
    assert {"push", "schedule"} & workflow(path)[True].keys()
    used = [step["uses"] for step in steps(path) if "uses" in step]
    assert used
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+", one) for one in used)


def test_ci_runs_what_ci_run_does_on_the_oldest_and_the_newest_python():
    path = ROOT / ".github" / "workflows" / "ci.yml"
    assert commands(path) == [".ci/run"]
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
    assert workflow(path)["jobs"]["test"]["strategy"]["matrix"]["python"] == ["3.10", "3.13"]
    assert 'requires-python = ">=3.10"' in (ROOT / "pyproject.toml").read_text()


def test_the_plain_command_is_that_of_make_demo_on_the_newest_harness():
    *_, plain = commands(ROOT / ".github" / "workflows" / "newest-lm-eval.yml")
    demo = re.search(r"^demo:.*\n\t\$\(BIN\)/(.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert demo is not None
    assert plain == f"{demo[1]} --limit 2"
    assert "pip install --pre --upgrade lm-eval" in commands(ROOT / ".github" / "workflows" / "newest-lm-eval.yml")
