"""Ranks have about as much to read, and what they return has each document once."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_hesnr.labelling.render import transcript
from lm_eval_hesnr.metrics.profile import EntropyProfile
from lm_eval_hesnr.ranks import merge_ranks, split_by_size
from lm_eval_hesnr.scope_filter import ScopedProfile
from lm_eval_hesnr.trajectories.load import load_trajectories


def test_the_longest_goes_first_to_the_rank_with_least():
    assert split_by_size([5, 9, 4, 1, 6], 2) == [[1, 2], [0, 3, 4]]  # 9 | 6, 6 + 5 | 9, 9 + 4, 11 + 1


def test_an_idle_rank_gets_the_smallest_once_more():
    assert split_by_size([7, 3], 4) == [[0], [1], [1], [1]]


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=40), st.integers(1, 9))
def test_each_index_is_assigned_once_and_no_rank_has_more_than_the_mean_and_one_item(sizes, n_ranks):
    assigned = split_by_size(sizes, n_ranks)
    assert len(assigned) == n_ranks
    assert all(assigned)
    if len(sizes) >= n_ranks:
        assert sorted(i for indices in assigned for i in indices) == list(range(len(sizes)))
        loads = [sum(sizes[i] for i in indices) for indices in assigned]
        assert max(loads) <= sum(sizes) / n_ranks + max(sizes)
    else:
        assert {i for indices in assigned for i in indices} == set(range(len(sizes)))


def test_tokens_of_the_real_runs_are_balanced(real_trajectories, tiny_model):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    runs = load_trajectories(real_trajectories / "mini_swe_agent_1").trajectories
    characters = [sum(len(segment.text) for segment in run.segments) for run in runs]
    tokens = [len(tokenizer(transcript(run).text, verbose=False)["input_ids"]) for run in runs]
    for n_ranks in (2, 3, 4):
        loads = [sum(tokens[i] for i in indices) for indices in split_by_size(characters, n_ranks)]
        assert max(loads) * n_ranks / sum(loads) <= 1.1


def value(document, scope):
    return ScopedProfile(scope, document, EntropyProfile.zero(10), {}, 1, 0, "0" * 16)


def test_what_two_ranks_have_of_a_document_is_kept_once():
    values = [{"task": {("ppl", "action"): [value(0, "action")], ("ppl", "all"): [value(0, "all")]}} for _ in range(2)]
    kept = merge_ranks(values)
    assert [{key: len(items) for key, items in rank["task"].items()} for rank in kept] == [
        {("ppl", "action"): 1, ("ppl", "all"): 1},
        {("ppl", "action"): 0, ("ppl", "all"): 0},
    ]


def sample(document, scope):
    return {"doc_id": document, "filter": scope}


def test_samples_stand_once_in_the_order_of_one_process():
    ranks = [[sample(1, "b"), sample(1, "a")], [sample(0, "b"), sample(2, "b"), sample(0, "a"), sample(2, "a")]]
    ranks.append([sample(1, "b"), sample(1, "a")])
    in_order = [sample(i, scope) for scope in "ba" for i in range(3)]
    assert merge_ranks([{"task": found} for found in ranks]) == [{"task": in_order}, {"task": []}, {"task": []}]


def test_values_of_other_tasks_are_left_alone():
    values = [{"other": {("acc", "none"): [1.0, 1.0]}}] * 2
    assert merge_ranks(values) == values


@pytest.mark.parametrize(("rank", "n_lines"), [(None, 1), ("", 1), ("0", 1), ("1", 0), ("12", 0)])
def test_only_the_first_rank_logs(rank, n_lines, monkeypatch, harness_logs):
    monkeypatch.delenv("RANK", raising=False)
    if rank is not None:
        monkeypatch.setenv("RANK", rank)
    logging.getLogger("lm_eval.hesnr").warning("a line")
    assert len(harness_logs.records) == n_lines
