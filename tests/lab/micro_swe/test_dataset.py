"""Tasks, made in children with limits."""

import gzip
import json
import sys

import pytest

from lab.grader import Pool
from lab.micro_swe import Task, dataset, evaluation, sft_examples
from lab.micro_swe.__main__ import GOLD, GOLD_SEED, N_GOLD
from lab.micro_swe.__main__ import main as command
from lab.micro_swe.canonical import digest
from lab.micro_swe.gold import gold_run, gold_tasks, write_runs
from lab.micro_swe.splits import Split, is_of, template_is_kept
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.labelling.render import transcript
from lm_eval_hesnr.labels import Label
from lm_eval_hesnr.trajectories.load import load_trajectories

pytestmark = pytest.mark.end_to_end


@pytest.mark.parametrize("level", [1, 2, 3])
def test_the_right_action_solves_each_task_and_the_file_as_it_is_does_not(level):
    tasks = dataset("train", level, 25, seed=3)
    with Pool(1) as pool:
        right = pool.grade(tasks, [task.cut(task.action + "and more") for task in tasks])
        nothing = "sed -i 's/QQ/Q/' m.py" if level == 3 else None
        wrong = pool.grade(tasks, [nothing or f"1|{task.broken.splitlines()[0]}" for task in tasks])
    assert [grade.reason for grade in right] == ["solved"] * 25
    assert not any(grade.solved for grade in wrong)
    assert all(len(task.tests) == 24 and task.failing >= 3 for task in tasks)
    assert len({(task.canon, task.broken_canon) for task in tasks}) == 25


def test_the_same_seed_gives_the_same_tasks_and_a_longer_list_begins_with_them():
    assert dataset("test", 1, 5, seed=1) == dataset("test", 1, 9, seed=1, n_workers=1)[:5]
    assert dataset("test", 1, 5, seed=1) != dataset("test", 1, 5, seed=2)


def test_no_function_of_a_test_right_or_wrong_is_one_of_training_under_any_names():
    splits: list[Split] = ["train", "test", "templates"]
    for split in splits:
        kept = split == "templates"
        for task in dataset(split, 1, 15, seed=4):
            assert template_is_kept(task.template) is kept
            assert (task.canon, task.broken_canon) == (digest(task.good), digest(task.broken))
            assert kept or (is_of(task.good, split) and is_of(task.broken, split))


def test_another_split_or_level_is_an_error():
    with pytest.raises(ValueError, match="a split is one of train, test, templates"):
        dataset("dev", 1, 1, seed=0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="a level 0 to 3"):
        dataset("train", 4, 1, seed=0)


def test_examples_to_train_on_are_prompts_with_their_actions():
    (task,) = dataset("train", 1, 1, seed=8)
    assert sft_examples(1, 1, seed=8) == [(task.prompt, task.action)]
    assert Task.from_json(json.loads(json.dumps(task.to_json()))) == task


def test_the_evaluation_has_tasks_of_both_splits_that_are_kept(monkeypatch):
    module = sys.modules[dataset.__module__]
    monkeypatch.setattr(module, "N_TEST", 3)
    monkeypatch.setattr(module, "N_TEMPLATES", 2)
    found = {split: [task.id.split("/")[1] for task in tasks] for split, tasks in evaluation(1).items()}
    assert found == {"test": ["test"] * 3, "templates": ["templates"] * 2}


def test_the_committed_gold_runs_are_those_that_the_command_makes(tmp_path):
    write_runs(dataset("test", 1, 20, GOLD_SEED), tmp_path / "gold.jsonl.gz")
    committed = gzip.decompress(GOLD.read_bytes()).splitlines()
    assert gzip.decompress((tmp_path / "gold.jsonl.gz").read_bytes()).splitlines() == committed[:20]
    assert len(committed) == N_GOLD


def test_gold_runs_leave_out_the_bugs_of_other_tasks():
    first = dataset("test", 1, 8, seed=1)
    found = gold_tasks(1, 6, 1, first[2:5])
    assert found[:5] == [*first[:2], *first[5:]]
    assert len(found) == 6


def test_only_the_fix_of_a_gold_run_is_action():
    assert len(load_trajectories(GOLD).trajectories) == N_GOLD
    for level in (0, 1, 2, 3):
        (task,) = dataset("test", level, 1, seed=6)
        run = gold_run(task)
        text, labels, *_ = transcript(run)
        generated = [segment for segment in run.segments if segment.generated]
        assert [segment.kind for segment in generated] == ["action"]
        assert level == 3 or [segment.text for segment in generated] == [task.cut(task.action)]
        code = "".join(char for char, label in zip(text, labels, strict=True) if label == Label.CODE)
        assert code == "".join(task.cut(task.action).split()), level


def test_gold_runs_are_written_to_a_new_file_as_its_name_says(tmp_path, capsys):
    for name in ("x.jsonl", "x.jsonl.gz"):
        command(["gold", "-n", "2", "-o", str(tmp_path / name)])
        assert len(load_trajectories(tmp_path / name).trajectories) == 2
        assert capsys.readouterr().out == f"{tmp_path / name}: 2 trajectories\n"
    assert (tmp_path / "x.jsonl").read_text().startswith("{")
    with pytest.raises(InputError, match=r"x\.jsonl: exists already; .*--force"):
        command(["gold", "-n", "2", "-o", str(tmp_path / "x.jsonl")])
    with pytest.raises(InputError, match="give the name of a file"):
        command(["gold", "-n", "2", "-o", str(tmp_path), "--force"])


@pytest.mark.parametrize("n", ["0", "-3", "x"])
def test_a_wrong_number_of_tasks_is_one_line(n, capsys):
    with pytest.raises(SystemExit):
        command(["show", "-n", n])
    assert f"'{n}': expected a number of tasks" in capsys.readouterr().err
