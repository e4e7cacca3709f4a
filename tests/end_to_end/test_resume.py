"""Scores are kept: a run that was killed or interrupted goes on, and other scopes or measures need no model."""

import os
import re
import runpy
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lm_eval.api.model import CachingLM

from lm_eval_hesnr.assets import TRAJECTORIES
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.labels import SCOPES, Label
from lm_eval_hesnr.metrics.profile import EPSILON
from lm_eval_hesnr.models.hf import HFTopK
from lm_eval_hesnr.results.token_tables import read_tables
from lm_eval_hesnr.task import SweHesnr
from tests import builders

BENCHMARK = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "store.py"))
KILLS = int(os.environ.get("HESNR_KILLS", "2"))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The first turns of ten embedded trajectories."""
    return builders.first_turns(tmp_path_factory.mktemp("small") / "small.jsonl", 10, only_resolved=True)


@pytest.mark.end_to_end
def test_a_killed_run_goes_on_to_the_results_of_an_undisturbed_one(small, tmp_path, capsys):
    same = BENCHMARK["kill_and_resume"](tmp_path, small, kills=KILLS, seed=0)
    printed = capsys.readouterr().out
    assert same, printed
    stored = [int(n) for n in re.findall(r"(\d+) of \d+ trajectories stored", printed)]
    assert stored == sorted(stored)
    assert ": score store store: " in printed
    assert f"{stored[-1]} of 10 trajectories read" in printed


@pytest.mark.end_to_end
def test_an_interrupt_says_in_one_line_how_to_go_on(tmp_path):
    process = BENCHMARK["start"](tmp_path, TRAJECTORIES)  # all of them: the signal must come before scoring is over
    BENCHMARK["wait_for"](BENCHMARK["SCORING"], process, tmp_path)
    process.send_signal(signal.SIGINT)
    assert process.wait(120) == 130
    log = (tmp_path / "log").read_text()
    assert log.splitlines()[-1].endswith("run the same command again to continue from the scores in store")
    assert "Traceback" not in log


TEXT = "def f(x):\n    return x  # söme   prose 漢字\n" * 12


def request(text=TEXT, *, label=Label.CODE, context="### Task\nfix it\n\n", **options):
    return builders.request(context, text, label=label, **options)


@pytest.fixture
def load(random_model, tmp_path):
    """Load the random model with a store; `scored` counts the trajectories that it really scores."""

    def load(**options):
        lm: Any = HFTopK(**{"pretrained": str(random_model), "device": "cpu", "score_store": str(tmp_path)} | options)
        score = lm._token_scores

        def counted(*args, **kwargs):
            lm.scored += 1
            return score(*args, **kwargs)

        lm.scored, lm._token_scores = 0, counted
        return lm

    return load


def scores_of(lm, *requests):
    return [answer.scores for answer in lm.loglikelihood(list(requests), disable_tqdm=True)]


def assert_same(a, b):
    for key in ("token_ids", "labels", "char_start", "char_end", "scored", "logprob", "entropy", "rank", "top_mass"):
        np.testing.assert_array_equal(getattr(a, key), getattr(b, key), err_msg=key)
    assert (a.k, a.short_context, a.signature) == (b.k, b.short_context, b.signature)


def test_a_second_run_reads_what_the_first_one_scored(load, harness_logs):
    first, second = load(max_length=100), load(max_length=100)
    (scored,) = scores_of(first, request())
    (read,) = scores_of(second, request())
    assert_same(read, scored)
    assert (first.scored, second.scored) == (1, 0)
    assert harness_logs.messages[-1].endswith("1 of 1 trajectory read, 0 scored")


def test_other_labels_and_fewer_positions_need_no_model(load):
    plain, stored = load(score_store=None, max_length=100), load(max_length=100)
    scores_of(stored, request())
    for other in (request(label=Label.THOUGHT), request(to_score=slice(30, 60)), request(to_score=slice(200, None))):
        (read,), (fresh,) = scores_of(stored, other), scores_of(plain, other)
        np.testing.assert_allclose(read.logprob, fresh.logprob, atol=1e-5)
        np.testing.assert_allclose(read.entropy, fresh.entropy, atol=1e-5)
        floats = dict.fromkeys(("logprob", "entropy", "top_mass"), np.zeros(len(read.token_ids), np.float32))
        assert_same(replace(read, **floats), replace(fresh, **floats))
    assert stored.scored == 1
    scores_of(stored, request(context="", text="### Task\nfix it\n\n" + TEXT))
    assert stored.scored == 2  # nothing was stored for the context


def test_k_window_stride_dtype_and_rope_are_told_apart(load):
    scores_of(load(), request(TEXT * 4))
    base = scores_of(load(score_store=None), request(TEXT * 4))
    for options in ({"max_length": 128}, {"stride": 64}, {"dtype": "bfloat16"}, {"attn_implementation": "eager"},
                    {"rope_type": "linear", "rope_factor": 2.0}):  # fmt: skip
        lm = load(**options)
        scores_of(lm, request(TEXT * 4))
        assert lm.scored == 1, options
    lm = load()
    assert_same(scores_of(lm, request(TEXT * 4))[0], base[0])
    assert lm.scored == 0
    scores_of(lm, request(TEXT * 4, k=9))
    assert lm.scored == 1


def test_weights_that_change_in_a_loaded_model_are_told_apart(load):
    lm = load()
    scores_of(lm, request())
    lm.model.get_input_embeddings().weight.data[5:40] += 0.5  # a training step
    scores_of(lm, request())
    assert lm.scored == 2


def test_a_damaged_entry_is_named_and_scored_again(load, tmp_path, harness_logs):
    lm = load()
    (before,) = scores_of(lm, request())
    (path,) = tmp_path.glob("*/*.parquet")
    path.write_bytes(path.read_bytes()[:-20])
    (after,) = scores_of(lm, request())
    assert_same(after, before)
    named = [line for line in harness_logs.messages if " is damaged (" in line]
    assert len(named) == 1
    assert str(path) in named[0]
    scores_of(lm, request())
    assert lm.scored == 2


def test_entries_of_one_model_under_two_names_are_measured_together(load, random_model, tmp_path):
    copy = tmp_path / "a copy of it"
    shutil.copytree(random_model, copy)
    store = str(tmp_path / "store")
    scores_of(load(score_store=store), request())
    scores_of(load(score_store=store, pretrained=str(copy)), request(TEXT * 2))
    assert len(read_tables(tmp_path / "store", SCOPES, EPSILON).names) == 2


def test_a_folder_of_the_store_can_be_measured_as_token_tables(load, tmp_path):
    scores = scores_of(load(), request(), request(TEXT * 2))
    (folder,) = tmp_path.glob("*/")
    tables = read_tables(folder, SCOPES, EPSILON)
    assert tables.names == ["a run", "a run"]
    assert tables.signature.items() >= {"k": 10, "render": "transcript", "dtype": "float32"}.items()
    expected = [one.profile(one.in_scope(SCOPES["action"]), EPSILON) for one in scores]
    by_size = [
        sorted(profiles, key=lambda profile: profile.sums.sum()) for profiles in (tables.profiles["action"], expected)
    ]
    for got, wanted in zip(*by_size, strict=True):
        np.testing.assert_array_equal(got.sums, wanted.sums)


def task_of(small):
    return SweHesnr({"task": "swe_hesnr", "metadata": {"trajectories": str(small)}})


def answered(task, lm):
    task.build_all_requests(rank=0, world_size=1, limit=1)
    for instance, answer in zip(task.instances, lm.loglikelihood(task.instances), strict=True):
        instance.resps.append(answer)
    task.apply_filters()
    return task.instances[0].filtered_resps


def test_the_harness_cache_never_answers_for_another_model_or_run(load, small, tmp_path):
    cache = str(tmp_path / "cache.db")
    answered(task_of(small), CachingLM(load(), cache))
    with pytest.raises(InputError, match="run without --use_cache"):
        answered(task_of(small), CachingLM(load(dtype="bfloat16"), cache))


def test_the_harness_cache_never_answers_for_another_model_of_the_same_task_object(load, small, tmp_path):
    """A library user may give one task object to two runs."""
    cache, task = str(tmp_path / "cache.db"), task_of(small)
    answered(task, CachingLM(load(), cache))
    with pytest.raises(InputError, match="run without --use_cache"):
        answered(task, CachingLM(load(dtype="bfloat16"), cache))
