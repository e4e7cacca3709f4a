import json

import pytest

from lm_eval_hesnr.results.sweep.checkpoint import Checkpoint, resolved, step_of, tokens_seen


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("checkpoint-300", 300),
        ("step1000", 1000),
        ("stage1-step1000-tokens5B", 1000),
        ("stage2-ingredient3-step12000-tokens51B", 12000),
        ("iter_0001000", 1000),
        ("global_step40", 40),
        ("global_step_40", 40),
        ("Step=7", 7),
        ("base_0150", 150),
        ("2500", 2500),
        ("step1000.hf", 1000),
        ("checkpoint-100-step-200", 200),
        ("main", None),
        ("final", None),
        ("step100k", None),
        ("model-7B", None),
        ("Qwen2.5-7B", None),
        ("seed1-run2", None),
        ("epoch1.5", None),
        ("step" + "9" * 15, 10**15 - 1),
        ("step" + "9" * 16, None),
        ("9" * 5000, None),
        ("step7-step" + "9" * 5000, None),
        ("", None),
    ],
)
def test_the_step_is_read_from_the_name(name, step):
    assert step_of(name) == step


@pytest.mark.parametrize(
    ("revision", "n"), [("step5-tokens5B", 5 * 10**9), ("step9-tokens12M", 12 * 10**6), ("main", None)]
)
def test_tokens_seen_of_a_revision(revision, n):
    assert tokens_seen(Checkpoint("a", "org/model", revision)) == n


@pytest.mark.parametrize(
    ("text", "n"),
    [
        (json.dumps({"num_input_tokens_seen": 4096}), 4096),
        (json.dumps({"num_input_tokens_seen": 0}), None),
        (json.dumps({"num_input_tokens_seen": "4096"}), None),
        ("[]", None),
        ("{", None),
        (None, None),
    ],
)
def test_tokens_seen_of_a_folder(tmp_path, text, n):
    if text is not None:
        (tmp_path / "trainer_state.json").write_text(text)
    assert tokens_seen(Checkpoint("a", str(tmp_path))) == n


@pytest.mark.parametrize("path", ["a\0b", "~no-such-user/x"])
def test_a_path_that_cannot_exist_stays_as_it_is(path):
    assert resolved(path) == path
