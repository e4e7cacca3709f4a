import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.results.sweep.checkpoint import Checkpoint, step_of
from lm_eval_hesnr.results.sweep.order import by_step, in_order, in_shard, shard_of, steps_filter

FORMS = ("step{}", "checkpoint-{}", "iter_{:07d}", "global_step{}", "stage1-step{}-tokens5B", "base_{:04d}", "{}")


def checkpoints(*steps, form="checkpoint-{}"):
    return [Checkpoint(form.format(step), form.format(step), step=step) for step in steps]


@given(st.lists(st.integers(0, 10**7 - 1), unique=True, max_size=40), st.sampled_from(FORMS), st.randoms())
def test_names_of_every_framework_are_put_in_the_order_of_their_steps(steps, form, random):
    names = [form.format(step) for step in steps]
    random.shuffle(names)
    found = in_order([Checkpoint(name, name, step=step_of(name)) for name in names], "oldest")
    assert [one.step for one in found] == sorted(steps)
    assert in_order(found, "newest") == found[::-1]
    spread = in_order(found, "spread")
    assert sorted(spread, key=lambda one: one.step or 0) == found
    assert spread[:2] == [*found[-1:], *found[:1]][: len(found)] or len(found) == 1


def test_spread_halves_the_gaps():
    assert [one.step for one in in_order(checkpoints(*range(9)), "spread")] == [8, 0, 4, 2, 6, 1, 3, 5, 7]


def test_checkpoints_without_a_step_come_last_in_the_given_order():
    mixed = [Checkpoint("tuned", "t"), *checkpoints(2, 1), Checkpoint("final", "f")]
    assert [one.name for one in by_step(mixed)] == ["checkpoint-1", "checkpoint-2", "tuned", "final"]


@given(st.sets(st.integers(0, 10**6), max_size=50), st.integers(1, 9))
def test_shards_are_disjoint_and_complete(steps, n):
    every = checkpoints(*steps)
    shards = [in_shard(every, (i + 1, n)) for i in range(n)]
    assert sorted(one.name for shard in shards for one in shard) == sorted(one.name for one in every)
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


@pytest.mark.parametrize(
    ("given_text", "kept"),
    [
        (None, [0, 100, 150, 200, 300, None]),
        ("100:200", [100, 150, 200]),
        ("100:300:100", [100, 200, 300]),
        ("::100", [0, 100, 200, 300]),
        ("150:", [150, 200, 300]),
        (":100", [0, 100]),
        ("100,300,999", [100, 300]),
        ("0", [0]),
    ],
)
def test_steps_that_are_kept(given_text, kept):
    keeps = steps_filter(given_text)
    assert [step for step in (0, 100, 150, 200, 300, None) if keeps(step)] == kept


@pytest.mark.parametrize("wrong", ["", "a", "1:2:0", "1:2:3:4", "1,", "-1:2", "1.5"])
def test_wrong_steps_are_refused_by_name(wrong):
    with pytest.raises(InputError, match=r"--steps .*expected FIRST:LAST"):
        steps_filter(wrong)


@pytest.mark.parametrize("wrong", ["0/2", "3/2", "1", "1/0", "a/b", "1/2/3"])
def test_a_wrong_shard_is_refused_by_name(wrong):
    with pytest.raises(InputError, match=r"--shard .*expected I/N"):
        shard_of(wrong)
