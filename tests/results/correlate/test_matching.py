from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.results.correlate.matching import match
from lm_eval_hesnr.results.correlate.scores import Score
from tests.builders import compared_run

SCORES = Path("scores.csv")


def score(checkpoint):
    return Score(checkpoint=checkpoint, family=None, order=None, passed=np.array([1]), trials=np.array([2]))


def run(name, model, source, **signature):
    return replace(compared_run(name, [0.1], model=model, **signature), source=Path(source))


RUNS = [
    run("a", "/runs/one/checkpoint-1", "/out/a/results/x/results_1.json"),
    run("b", "/runs/two/checkpoint-1", "/out/b/results/x/results_1.json"),
    run("c", "org/llm", "/out/c/results/x/results_1.json", revision="step7"),
]


@pytest.mark.parametrize(
    ("checkpoint", "found"),
    [
        ("a", "a"),
        ("/runs/two/checkpoint-1", "b"),
        ("org/llm@step7", "c"),
        ("step7", "c"),
        ("llm", "c"),
        ("b", "b"),
        ("two", None),
    ],
)
def test_a_checkpoint_is_the_name_the_model_its_last_part_or_a_folder_of_results(checkpoint, found):
    if found is None:
        with pytest.raises(
            InputError, match="no checkpoint of it is one of the runs; it has two, and the runs are a, b"
        ):
            match(SCORES, [score(checkpoint)], RUNS)
    else:
        ((_, one),) = match(SCORES, [score(checkpoint)], RUNS).pairs
        assert one.name == found


def test_a_folder_of_results_is_a_name_too():
    ((_, one),) = match(SCORES, [score("seven")], [run("x", "m", "/out/seven/results/r.json"), RUNS[0]]).pairs
    assert one.name == "x"


def test_a_name_of_several_runs_is_refused():
    with pytest.raises(InputError, match=r"'checkpoint-1' is the name of several runs: /out/a/results.*a longer name"):
        match(SCORES, [score("checkpoint-1")], RUNS)


def test_what_has_no_partner_is_named():
    found = match(SCORES, [score("a"), score("z")], RUNS)
    assert (found.without_run, found.without_score) == (["z"], ["b", "c"])


def test_a_run_of_the_same_model_with_another_window_is_left_out_by_name():
    wide = run("a, window 9", "/runs/one/checkpoint-1", "/out/wide/results/r.json", window=9)
    assert match(SCORES, [score("a")], [RUNS[0], wide]).without_score == ["a, window 9"]


def test_token_tables_replace_the_results_of_the_same_model(tmp_path):
    tables = replace(RUNS[0], name="a tables", source=Path("/tokens/a"), tables=object())
    found = match(SCORES, [score("/runs/one/checkpoint-1")], [RUNS[0], tables, RUNS[1]])
    assert [one.name for _, one in found.pairs] == ["a tables"]
    assert found.without_score == ["b"]
