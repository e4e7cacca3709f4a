"""The suite in examples/: its commands, and the row of its group."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest

from lm_eval_hesnr import plugin
from lm_eval_hesnr.cli import main
from lm_eval_hesnr.task import SweHesnr

N_SEGMENTS = 8
SUITE = Path(__file__).parents[2] / "examples" / "suite"


def _shorten(path):
    """Keep the first segments of a run, to be quick."""
    run = json.loads(path.read_text())
    path.write_text(json.dumps(run | {"segments": run["segments"][:N_SEGMENTS]}) + "\n")


@pytest.fixture
def manager(tmp_path, monkeypatch):
    """Make the folders that the suite's README makes, and a TaskManager of the suite."""
    plugin.install()
    from lm_eval.tasks import TaskManager

    monkeypatch.chdir(tmp_path)
    loops = re.findall(
        r"for name in (.+); do hesnr sample \$name -o (\S+)/\$name.jsonl", (SUITE / "README.md").read_text()
    )
    for names, folder in loops:
        Path(folder).mkdir(parents=True)
        for name in names.split():
            assert main(["sample", name, "-o", f"{folder}/{name}.jsonl"]) == 0
            _shorten(Path(folder, f"{name}.jsonl"))
    assert len(loops) == 2

    def manager(**metadata):
        return TaskManager(include_defaults=False, include_path=str(SUITE), metadata=metadata)

    return manager


def test_the_groups_row_is_the_mean_of_its_tasks(manager, tiny_model):
    import lm_eval

    arguments = {"pretrained": str(tiny_model), "dtype": "float32"}
    results = lm_eval.simple_evaluate(
        "hf-topk", arguments, ["my_languages"], task_manager=manager(**arguments), device="cpu", log_samples=False
    )
    group, *tasks = (results["results"][name] for name in ("my_languages", "my_python", "my_other_languages"))
    for measure in ("he_snr", "ppl"):
        values = [task[f"{measure},action"] for task in tasks]
        errors = [task[f"{measure}_stderr,action"] for task in tasks]
        assert group[f"{measure},action"] == pytest.approx((values[0] + values[1]) / 2)
        assert group[f"{measure}_stderr,action"] == pytest.approx(math.sqrt(errors[0] ** 2 + errors[1] ** 2) / 2)
    assert not any(key.endswith(",all") for key in group)
    assert [results["configs"][task]["trajectories"]["scored"] for task in ("my_python", "my_other_languages")] == [
        2,
        2,
    ]


def test_the_tag_names_the_two_tasks_without_a_download():
    from lm_eval.tasks import TaskManager

    tasks = TaskManager(include_defaults=False, include_path=plugin.task_folder()).load("hesnr")["tasks"]
    assert sorted(tasks) == ["swe_hesnr", "swe_hesnr_ablation"]
    assert all(isinstance(task, SweHesnr) for task in tasks.values())
