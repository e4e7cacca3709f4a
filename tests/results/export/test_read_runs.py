import json
import shutil

import pytest

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.results.export.read_runs import read_runs
from lm_eval_hesnr.results.sweep.state import State
from tests.results.export.results_files import results, write_results, write_sweep


def test_a_file_a_folder_and_a_sweep(tmp_path):
    file = write_results(tmp_path / "a", model="org/name", revision="step1000")
    write_results(tmp_path / "b", model="/runs/checkpoint-100")
    sweep = write_sweep(tmp_path / "sweep", {"checkpoint-200": (200, 0.2), "checkpoint-1000": (1000, 0.3)})
    found = read_runs([file, tmp_path / "b", sweep])
    assert [run.checkpoint for run in found.runs] == [
        "org/name@step1000", "checkpoint-100", "checkpoint-200", "checkpoint-1000"
    ]  # fmt: skip
    assert [run.step for run in found.runs] == [1000, 100, 200, 1000]
    assert [run.value("he_snr", "action").value for run in found.runs] == [0.1, 0.1, 0.2, 0.3]


def test_unfinished_checkpoints_of_a_running_sweep_are_named(tmp_path):
    """`hesnr sweep` writes the names of all checkpoints at its start, and the state of each when it begins."""
    names = [f"checkpoint-{i}" for i in range(1, 5)]
    sweep = write_sweep(tmp_path, {name: (i, 0.2) for i, name in enumerate(names)})
    for name, status in (("checkpoint-2", "failed"), ("checkpoint-3", "running")):
        State(name=name, pretrained=f"/runs/{name}", status=status).write(sweep / name)
    shutil.rmtree(sweep / "checkpoint-4")
    found = read_runs([sweep])
    assert [run.checkpoint for run in found.runs] == ["checkpoint-1"]
    states = zip(names[1:], ("failed", "running", "waiting"), strict=True)
    assert found.missing == [f"{sweep / name}: left out, its state is {state}" for name, state in states]
    assert found.bad == []


def test_a_checkpoint_without_what_its_state_names_is_an_error_and_the_others_are_kept(tmp_path):
    sweep = write_sweep(tmp_path, {name: (i, 0.2) for i, name in enumerate("abc")})
    shutil.rmtree(sweep / "a" / "results")
    (sweep / "b" / "state.json").write_text('{"status": "done"}')
    found = read_runs([sweep])
    assert [run.checkpoint for run in found.runs] == ["c"]
    assert len(found.bad) == 2
    assert found.bad[0].endswith(".json: there is no such file, but a is done; run the sweep again")
    assert found.bad[1].startswith(f"{sweep / 'b' / 'state.json'}: is not a file of this version of hesnr sweep")


def test_another_sweep_json_is_refused(tmp_path):
    (tmp_path / "sweep.json").write_text("{}")
    with pytest.raises(InputError, match=r"sweep\.json: is not a file of this version of hesnr sweep"):
        read_runs([tmp_path])


def test_a_bad_file_is_named_and_the_others_are_kept(tmp_path):
    good = write_results(tmp_path / "good")
    bad = tmp_path / "results_bad.json"
    bad.write_text('{"results": {}}')
    found = read_runs([bad, good, tmp_path / "none.json"])
    assert len(found.runs) == 1
    assert found.bad[0].startswith(f"{bad}: is not a results file (it has no swe_hesnr results")
    assert found.bad[1] == f"{tmp_path / 'none.json'}: there is no such file or folder; check the path"


@pytest.mark.parametrize(
    ("signature", "line"), [({"k": "ten"}, "signature, k: expected a whole number of at least 1, found 'ten'"),
                            ({"k": 0}, "found 0"), ({"k": True}, "found True")],
)  # fmt: skip
def test_a_candidate_set_without_size(tmp_path, signature, line):
    (bad,) = read_runs([write_results(tmp_path, **signature)]).bad
    assert line in bad


def test_a_name_of_a_scope_with_control_characters(tmp_path):
    data = results()
    summary = data["configs"]["swe_hesnr"]["summary"]
    summary["a\x1b[2J"] = summary.pop("all")
    path = tmp_path / "results_1.json"
    path.write_text(json.dumps(data))
    (bad,) = read_runs([path]).bad
    assert "expected the name of a scope, found 'a\\x1b[2J'" in bad


def test_runs_of_one_model_have_the_names_of_their_folders(tmp_path):
    paths = [write_results(tmp_path / name, task=task) for name, task in (("a", "x"), ("b", "x"), ("c", "y"))]
    assert [run.checkpoint for run in read_runs(paths).runs] == ["a", "b", "tiny"]


def test_the_same_run_twice_gets_a_number(tmp_path):
    path = write_results(tmp_path / "a")
    assert [run.checkpoint for run in read_runs([path, path]).runs] == ["a", "a-2"]


def test_a_folder_without_results(tmp_path):
    with pytest.raises(InputError, match=r"has no results_\*\.json; give a folder that lm_eval"):
        read_runs([tmp_path])


def test_values_that_are_no_numbers_are_missing(tmp_path):
    (run,) = read_runs([write_results(tmp_path, {"he_snr": None, "he_ppl": "N/A"})]).runs
    assert [run.value(name, "action").value for name in ("he_snr", "he_ppl")] == [None, None]
    assert run.value("he_snr", "action").low is None


@pytest.mark.parametrize(("place", "value"), [("intervals", float("inf")), ("intervals", -1.0), ("epsilon", -1.0)])
def test_an_impossible_interval_or_epsilon_is_one_line(tmp_path, place, value):
    data = results()
    summary = data["configs"]["swe_hesnr"]["summary"]["action"]
    summary[place] = value if place == "epsilon" else summary[place] | {"ppl": [2.0, value]}
    path = tmp_path / "results_1.json"
    path.write_text(json.dumps(data))
    found = read_runs([path])
    assert not found.runs
    assert len(found.bad) == 1
    assert f"summary, action, {place}" in found.bad[0]


@pytest.mark.parametrize(
    ("model", "revision", "step"),
    [
        ("/m/llama-3", "main", None),
        ("org/step-7", "main", 7),
        ("org/step-7", "v2", None),
        ("./out/checkpoint-50", None, 50),
    ],
)
def test_the_step_of_a_run_outside_a_sweep(tmp_path, model, revision, step):
    (run,) = read_runs([write_results(tmp_path, model=model, revision=revision)]).runs
    assert run.step == step


@pytest.mark.parametrize("tokens", [None, "many", float("nan"), [1]])
def test_a_wrong_number_of_tokens_is_a_missing_one(tmp_path, tokens):
    data = results()
    data["configs"]["swe_hesnr"]["summary"]["action"]["tokens"] = tokens
    path = tmp_path / "results_1.json"
    path.write_text(json.dumps(data))
    (run,) = read_runs([path]).runs
    assert (run.tokens("action"), run.tokens("all")) == (None, 79241)
