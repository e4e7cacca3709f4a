import json
import os
from types import SimpleNamespace

import pytest
import torch

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.scoring import fingerprints
from lm_eval_hesnr.scoring.fingerprints import fingerprint_of_files, fingerprint_of_model, fingerprint_of_tokenizer


@pytest.fixture
def model(random_model):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(random_model)


def test_the_fingerprint_of_a_model_is_of_its_content(random_model, model, tmp_path):
    from transformers import AutoModelForCausalLM

    before = fingerprint_of_model(model)
    model.save_pretrained(tmp_path / "moved")
    assert fingerprint_of_model(AutoModelForCausalLM.from_pretrained(tmp_path / "moved")) == before
    assert fingerprint_of_model(AutoModelForCausalLM.from_pretrained(random_model, dtype=torch.bfloat16)) != before
    model.config.rms_norm_eps *= 2
    assert fingerprint_of_model(model) != before
    model.config.rms_norm_eps /= 2
    assert fingerprint_of_model(model) == before
    with torch.no_grad():
        model.lm_head.weight[1023, 63] += 1e-3
    assert fingerprint_of_model(model) != before


def test_the_fingerprint_of_a_model_covers_its_adapters(model):
    def with_adapter(**settings):
        model.peft_config = {"default": SimpleNamespace(base_model_name_or_path="/x", **settings)}
        return fingerprint_of_model(model)

    before = with_adapter(lora_alpha=16, target_modules={"q_proj", "v_proj", "o_proj"})
    assert with_adapter(lora_alpha=16, target_modules={"o_proj", "v_proj", "q_proj"}) == before
    assert with_adapter(lora_alpha=32, target_modules={"q_proj", "v_proj", "o_proj"}) != before


def test_weights_that_are_elsewhere_are_refused(model):
    model.lm_head.to("meta")
    with pytest.raises(InputError, match="offloaded"):
        fingerprint_of_model(model)


def test_the_fingerprint_of_a_tokenizer(random_model):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(random_model)
    before = fingerprint_of_tokenizer(tokenizer)
    tokenizer.pad_token = tokenizer.eos_token
    tokenizer(["a", "longer text"], padding=True, truncation=True, max_length=4)
    assert fingerprint_of_tokenizer(tokenizer) == before
    tokenizer.add_tokens(["<tool>"])
    assert fingerprint_of_tokenizer(tokenizer) != before


def test_the_fingerprint_of_files_is_remembered_until_they_change(tmp_path, monkeypatch):
    folder = tmp_path / "model"
    folder.mkdir()
    with pytest.raises(InputError, match="found no weight files"):
        fingerprint_of_files(folder, tmp_path)
    (folder / "model.safetensors").write_bytes(b"one")
    (folder / "config.json").write_text("{}")
    before = fingerprint_of_files(folder, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(fingerprints, "_read_and_digest", None)
        assert fingerprint_of_files(folder, tmp_path) == before
    (folder / "config.json").write_text('{"a": 1}')
    changed = fingerprint_of_files(folder, tmp_path)
    (folder / "model.safetensors").write_bytes(b"two")
    os.utime(folder / "model.safetensors", ns=(1, 1))
    assert len({before, changed, fingerprint_of_files(folder, tmp_path)}) == 3
    assert json.loads((tmp_path / "fingerprints.json").read_text())


@pytest.mark.parametrize(
    "content", ['{"mine": 1}', '{"a": [1, 2, "x"]}', "[]", "mine", '{"a": {"b": 1}}', "[" * 100_000]
)
def test_a_foreign_file_in_place_of_the_remembered_fingerprints_is_named_and_stays(tmp_path, harness_logs, content):
    (tmp_path / "model.safetensors").write_bytes(b"one")
    expected = fingerprint_of_files(tmp_path, tmp_path)
    path = tmp_path / "fingerprints.json"
    path.write_text(content)
    assert fingerprint_of_files(tmp_path, tmp_path) == expected
    assert path.read_text() == content
    assert harness_logs.messages == [
        f"score store: {path} is not a file of a score store; it is not used, and stays as it is"
    ]


def test_fingerprints_that_users_have_stored_stay_the_same(tmp_path):
    """They are part of the addresses in a score store."""
    model = SimpleNamespace(
        state_dict=lambda: {"w": torch.arange(3.0)},
        config=SimpleNamespace(to_dict=lambda: {"layers": 2, "_name_or_path": "x", "ids": {2, 1}}),
        peft_config={"default": SimpleNamespace(lora_alpha=16, revision="r")},
    )
    assert fingerprint_of_model(model) == "61b41c1f8c6c0692c81edf8682808db97cbc5893139370ffccba862c235f5ac5"
    tokenizer = SimpleNamespace(backend_tokenizer=SimpleNamespace(to_str=lambda: '{"padding": 1, "model": 2}'))
    assert fingerprint_of_tokenizer(tokenizer) == "0935c3172c6d53685464c2cba8e3bd297834c3b96c2abb469de8aa53d71d63e0"
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").write_bytes(b"one")
    (tmp_path / "model" / "config.json").write_text("{}")
    digest = fingerprint_of_files(tmp_path / "model", tmp_path)
    assert digest == "9b9f4f1f26c9c43b3d18236ce52d20906f6c7ab435fd4b50a9e8752573a62f78"
