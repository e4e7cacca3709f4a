"""The training runs of the laboratory: one difference each, a given head, corrupted sessions."""

import json
import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch

from assets_src.tiny_swe_lm import data
from assets_src.tiny_swe_lm.model import Size, build_model
from assets_src.tiny_swe_lm.tokenizer import train_tokenizer
from lab.families import corrupted as corrupted_sessions
from lab.families import train as training
from lab.families.about import about, training_sha256
from lab.families.corrupted import corrupted
from lab.families.plan import FAMILIES, LOST, checkpoints
from lab.families.recipes import RECIPES, REPEATS, stage
from lm_eval_hesnr.errors import InputError


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer([Path(torch.__file__).read_text()], 3000)


def attention(model, *, layer, n_tokens=100):
    """(n heads, 2 n tokens, 2 n tokens) on random tokens that come twice."""
    model.set_attn_implementation("eager")
    ids = torch.randint(3, model.config.vocab_size, (1, n_tokens), generator=torch.Generator().manual_seed(0))
    return model(input_ids=ids.repeat(1, 2), output_attentions=True).attentions[layer][0]


@pytest.mark.parametrize("size", [RECIPES["recipe"].size, RECIPES["larger"].size])
def test_two_heads_start_to_copy(tokenizer, size):
    torch.manual_seed(0)
    model = build_model(0, size, tokenizer, context=512)
    previous = attention(model, layer=0).diagonal(-1, dim1=1, dim2=2).mean(1)
    assert previous[0] > 0.95
    assert previous[1:].max() < 0.1
    after_equal = attention(model, layer=1).diagonal(-99, dim1=1, dim2=2)[:, 1:].mean(1)  # the token after the same one
    others = after_equal[1:].mean()
    assert 2 * others < after_equal[0] < 20 * others


def test_without_them_the_network_is_that_of_the_packaged_model(tokenizer):
    model = build_model(0, Size(), tokenizer, context=512)
    assert not [name for name, _ in model.named_parameters() if name.endswith("bias")]
    assert attention(model, layer=0).diagonal(-1, dim1=1, dim2=2).mean() < 0.1


def test_each_family_differs_from_the_first_one_in_one_thing():
    for name, recipe in RECIPES.items():
        different = [
            field.name
            for field in fields(recipe)
            if getattr(recipe, field.name) != getattr(RECIPES["recipe"], field.name)
        ]
        assert len(different) == (name != "recipe" and name not in REPEATS), name
        assert sum(recipe.shares.values()) == pytest.approx(1)


def test_checkpoints_are_kept_at_shares_of_the_steps():
    made = stage("code")
    assert (made.members[225], made.members[1800]) == ("code-012.5", "code-100.0")
    assert made.schedule.lr(1799) == pytest.approx(3e-3 / 30, rel=0.01)


def test_repeats_of_the_first_recipe_differ_in_the_seed_alone_and_are_not_in_predict(tmp_path, monkeypatch):
    seeds = {}
    monkeypatch.setattr(training, "prepared", lambda out, n_workers: (None, {}))
    monkeypatch.setattr(training, "run_stage", lambda run, of, *_: seeds.update({of.name: run.seed}) or True)
    monkeypatch.setattr(training.torch, "set_num_threads", lambda n: None)
    for name in ("recipe", *REPEATS):
        training.train(tmp_path, name, n_threads=1)
        assert (stage(name).shares, stage(name).schedule) == (stage("recipe").shares, stage("recipe").schedule)
    assert seeds == {"recipe": training.SEED, "recipe_seed1": 1, "recipe_seed2": 2}
    of = {name: about(tmp_path, f"{name}-050.0")["training"] for name in ("recipe", *REPEATS)}
    assert of["recipe_seed2"] == {**of["recipe"], "seed": 2}
    assert "seed" not in of["recipe"]
    assert {one.family for one in checkpoints(fast=False)} == set(FAMILIES) - {LOST}
    assert set(FAMILIES) == set(RECIPES) - set(REPEATS)


def test_two_machines_with_another_corpus_have_the_same_tokenizer(tmp_path, monkeypatch):
    packaged = training.TOKENIZER.read_text()
    for machine in ("one", "other"):
        documents = [{"source": machine, "text": f"{machine} = {n}\n", "split": data.SPLITS[n == 0]} for n in range(20)]
        for name in ("code_documents", "language_documents"):
            monkeypatch.setattr(data, name, lambda seed, found=documents: found)
        for module in (data, corrupted_sessions):
            sessions = [{**one, "text": session(machine, 2)} for one in documents]
            monkeypatch.setattr(module, "styled_sessions", lambda out, seed, found=sessions: [dict(o) for o in found])
        monkeypatch.setattr(training.corpus, "main", lambda arguments: None)
        tokenizer, streams = training.prepared(tmp_path / machine, n_workers=1)
        assert json.loads(tokenizer.to_str()) == json.loads(packaged)
        assert tokenizer.decode(streams["code"].ids[:4].tolist()).startswith(machine)
    assert not np.array_equal(streams["code"].ids, np.load(tmp_path / "one/code_train.npy"))

    (tmp_path / "one/plan.json").write_text(
        json.dumps({**json.loads((tmp_path / "one/plan.json").read_text()), "tokenizer_sha256": "own"})
    )
    with pytest.raises(InputError, match=r"tokenizer_sha256 was own and is [0-9a-f]{64} now"):
        training.prepared(tmp_path / "one", n_workers=1)


def test_a_training_from_the_beginning_is_another_one_and_a_continued_one_is_the_same(tmp_path):
    def log(*steps):
        with (tmp_path / "log.jsonl").open("a") as file:
            file.writelines(f'{{"stage": "{stage}", "step": {step}, "seconds": {s}}}\n' for stage, step, s in steps)

    with pytest.raises(InputError, match="expected lines of the family 'code', found none"):
        training_sha256(tmp_path, "code")
    log(("code", 50, 1.5), ("recipe", 50, 7.0), ("code", 100, 3.0))
    first = training_sha256(tmp_path, "code")
    log(("code", 100, 3.1), ("code", 150, 4.6))
    assert training_sha256(tmp_path, "code") == first
    assert training_sha256(tmp_path, "recipe") != first
    log(("code", 50, 1.6))
    assert training_sha256(tmp_path, "code") != first
    assert training_sha256(tmp_path, "floor") is None


def session(name, n_turns):
    turns = "".join(f"### Agent\n{name}{i}\n\n### Observation\nseen by {name}{i}\n\n" for i in range(n_turns))
    return f"### Task\n{name}\n\n{turns}"


def test_corrupted_sessions_have_the_turns_of_others_and_their_own_observations():
    sessions = [session(f"s{n}-", 50) for n in range(20)]
    changed = corrupted(sessions, 0.15, seed=1)
    n_foreign = 0
    for n, text in enumerate(changed):
        assert re.findall(r"seen by (\S+)", text) == [f"s{n}-{i}" for i in range(50)]
        n_foreign += sum(not turn.startswith(f"s{n}-") for turn in re.findall(r"### Agent\n(\S+)", text))
    assert 0.11 < n_foreign / 1000 < 0.18
    assert changed == corrupted(sessions, 0.15, seed=1)
    assert corrupted(sessions, 0.0, seed=1) == sessions
