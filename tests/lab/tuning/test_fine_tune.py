"""Fine-tuning on tasks, and attempts: which tokens count, what a result depends on, what a model can learn."""

import itertools
from dataclasses import replace

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from assets_src.tiny_swe_lm.data import IGNORED
from assets_src.tiny_swe_lm.tokenizer import END_OF_TEXT, train_tokenizer
from lab.grader import Pool
from lab.micro_swe import dataset
from lab.tuning import attempts
from lab.tuning.attempts import _next_tokens, solved, written_actions
from lab.tuning.fine_tune import Example, Settings, _batches, _groups, action_loss, as_batch, encoded, fine_tune
from lab.tuning.tasks import Tasks


@pytest.fixture(scope="module")
def tasks():
    return dataset("train", 1, 6, 7, 1)


@pytest.fixture(scope="module")
def tokenizer(tasks):
    text = [task.prompt + task.action for task in tasks]
    return PreTrainedTokenizerFast(
        tokenizer_object=train_tokenizer(text, 500), pad_token=END_OF_TEXT, clean_up_tokenization_spaces=False
    )


def test_the_digest_of_tasks_changes_with_everything_that_an_outcome_depends_on(tasks):
    digests = {
        Tasks([("prompt", "action")], tasks).sha256(),
        Tasks([("prompt", "action 2")], tasks).sha256(),
        *(
            Tasks([("prompt", "action")], [replace(tasks[0], **{field: value}), *tasks[1:]]).sha256()
            for field, value in (("id", "a"), ("prompt", "a"), ("action", "a"), ("tests", tasks[1].tests))
        ),
    }
    assert len(digests) == 6


def new_model(tokenizer):
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=64, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2,
        intermediate_size=128, tie_word_embeddings=True, max_position_embeddings=512, bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    return LlamaForCausalLM(config)


def test_the_loss_counts_the_actions_only():
    ids, targets = as_batch([Example([5, 6, 7], [8, 9]), Example([5], [4])])
    assert ids.tolist() == [[5, 6, 7, 8, 9], [5, 4, 0, 0, 0]]
    assert targets.tolist() == [[IGNORED, IGNORED, 8, 9, IGNORED], [4, IGNORED, IGNORED, IGNORED, IGNORED]]


def test_the_loss_is_that_of_one_example_after_the_other(tokenizer, tasks):
    model, examples = new_model(tokenizer), encoded(tokenizer, [(task.prompt, task.action) for task in tasks])
    total = 0.0
    for prompt, action in examples:
        scores = model(input_ids=torch.tensor([prompt + action])).logits[0].log_softmax(-1)
        total -= sum(scores[len(prompt) + i - 1, token].item() for i, token in enumerate(action))
    n_tokens = sum(len(action) for _, action in examples)
    assert action_loss(model, examples).item() == pytest.approx(total / n_tokens, rel=2e-3)  # bfloat16 products


def test_long_examples_are_computed_apart_with_the_same_loss(tokenizer, tasks):
    model, examples = new_model(tokenizer), encoded(tokenizer, [(task.prompt, task.action) for task in tasks])
    longer = Example(examples[0].prompt * 4, examples[0].action)
    with torch.inference_mode():
        alone = [(action_loss(model, [one]).item(), len(one.action)) for one in (*examples, longer)]
    shapes = []
    model.base_model.register_forward_pre_hook(
        lambda *call: shapes.append(tuple(call[2]["input_ids"].shape)), with_kwargs=True
    )
    mean = sum(loss * n for loss, n in alone) / sum(n for _, n in alone)
    assert action_loss(model, [longer, *examples]).item() == pytest.approx(mean, rel=2e-3)
    assert shapes[-1] == (1, len(longer.prompt) + len(longer.action))
    assert [n for n, _ in shapes] == [6, 1]


def test_a_batch_is_cut_where_the_fewest_tokens_are_filled_up():
    def cut(*lengths):
        return [[len(one.prompt) for one in group] for group in _groups([Example([1] * n, [2]) for n in lengths])]

    assert cut(9, 2, 10, 3, 2) == [[2, 2, 3], [9, 10]]
    assert cut(4, 4, 4) == [[4, 4, 4]]
    assert cut(7) == [[7]]


def test_given_batches_take_the_place_of_drawn_ones(tokenizer, tasks):
    examples = encoded(tokenizer, [(task.prompt, task.action) for task in tasks])
    settings = Settings(seed=0, steps=2, lr=1e-2, tokens=300)
    torch.set_num_threads(1)
    given = fine_tune(new_model(tokenizer), [], settings, batches=iter([examples[:2], examples[2:4]]))
    drawn = fine_tune(new_model(tokenizer), examples, settings, batches=_batches(examples, settings))
    assert given != drawn == fine_tune(new_model(tokenizer), examples, settings)


def test_every_example_comes_once_before_one_comes_again():
    examples = [Example([i], [i]) for i in range(7)]
    settings = Settings(seed=3, steps=1, lr=1.0, tokens=6)
    batches = list(itertools.islice(_batches(examples, settings), 7))
    assert all(len(batch) == 3 for batch in batches)
    seen = [example.prompt[0] for batch in batches for example in batch]
    assert all(sorted(seen[first : first + 7]) == list(range(7)) for first in (0, 7, 14))
    assert seen[:7] != seen[7:14]


def test_the_result_depends_only_on_model_examples_and_settings(tokenizer, tasks):
    examples = encoded(tokenizer, [(task.prompt, task.action) for task in tasks])
    torch.set_num_threads(1)
    losses = [
        fine_tune(new_model(tokenizer), examples, Settings(seed=seed, steps=4, lr=1e-2, tokens=300))
        for seed in (0, 0, 1)
    ]
    assert losses[0] == losses[1] != losses[2]


@pytest.fixture(scope="module")
def learned(tokenizer, tasks):
    """A model that learned the tasks by heart."""
    model, examples = new_model(tokenizer), encoded(tokenizer, [(task.prompt, task.action) for task in tasks])
    losses = fine_tune(model, examples, Settings(seed=0, steps=50, lr=1e-2, tokens=400, warmup_steps=5))
    assert losses[-1] < 0.2 < 1 < losses[0]
    return model


def test_a_model_that_learned_tasks_by_heart_solves_them(tokenizer, tasks, learned):
    with Pool(1) as pool:
        assert solved(learned, tokenizer, tasks, pool, samples=0, seed=0).sum() >= 5
        assert solved(new_model(tokenizer), tokenizer, tasks, pool, samples=0, seed=0).sum() == 0
        sampled = solved(learned, tokenizer, tasks, pool, samples=4, seed=0)
    assert sampled.max() <= 4
    assert sampled.sum() > 6


def test_attempts_are_those_without_others_next_to_them_and_end_before_the_stop(tokenizer, tasks, learned):
    together = written_actions(learned, tokenizer, tasks, samples=0)
    assert together == [written_actions(learned, tokenizer, [task], samples=0)[0] for task in tasks]
    assert all(text and task.stop not in text for text, task in zip(together, tasks, strict=True))
    assert len(written_actions(learned, tokenizer, tasks, samples=4)) == 24


def test_greedy_attempts_are_those_of_the_library(tokenizer, tasks, learned):
    expected = []
    for task in tasks:
        ids = tokenizer(task.prompt, add_special_tokens=False, return_tensors="pt")["input_ids"]
        out = learned.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=64, do_sample=False, pad_token_id=0
        )
        expected.append(task.cut(tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)))
    assert written_actions(learned, tokenizer, tasks, samples=0) == expected


def test_cold_samples_are_the_greedy_attempt_each(tokenizer, tasks, learned, monkeypatch):
    greedy = written_actions(learned, tokenizer, tasks, samples=0)
    monkeypatch.setattr(attempts, "TEMPERATURE", 1e-3)
    assert written_actions(learned, tokenizer, tasks, samples=3) == [text for text in greedy for _ in range(3)]


@pytest.mark.parametrize("greedy", [True, False])
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_model_that_diverged_writes_nothing_and_stops_no_other_attempt(greedy, value):
    logits = torch.tensor([[0.0, 1, 2, 50], [0, value, 2, 50], [0, 50, 1, 2]])
    assert _next_tokens(logits, greedy=greedy).tolist() == [3, 0, 1]


def test_tokens_are_drawn_with_the_probabilities_at_the_temperature():
    torch.manual_seed(0)
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0])
    p = (logits.double() / attempts.TEMPERATURE).exp()
    p /= p.sum()
    n = 20_000
    shares = torch.bincount(_next_tokens(logits.expand(n, 4), greedy=False), minlength=4) / n
    assert ((shares - p).abs() < 4 * (p * (1 - p) / n).sqrt()).all()
