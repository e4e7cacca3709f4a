"""A checkpoint or model argument that is wrong gives one line, whatever the loading code raises."""

import json
import os
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.models.hf import HFTopK
from lm_eval_hesnr.models.load_errors import load_error
from lm_eval_hesnr.scoring.load_tokenizer import load_tokenizer, tokenizing
from tests.builders import request

WEIGHTS = "model.safetensors"


@pytest.fixture
def checkpoint(random_model, tmp_path):
    """A copy of a good checkpoint."""
    return Path(shutil.copytree(random_model, tmp_path / "checkpoint"))


def changed_config(**changes):
    def change(folder):
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


def written(name, content):
    return lambda folder: (folder / name).write_bytes(content)


def cut(folder):
    with (folder / WEIGHTS).open("r+b") as file:
        file.truncate(5000)


def pickled_code(folder):
    class Code:
        def __reduce__(self):
            return os.mkdir, (str(folder / "was executed"),)

    (folder / WEIGHTS).unlink()
    torch.save({"a": Code()}, folder / "pytorch_model.bin")


def remote_code(folder):
    changed_config(model_type="mine", auto_map={"AutoConfig": "code.Config"})(folder)
    (folder / "code.py").write_text(f"import os\nos.mkdir({str(folder / 'was executed')!r})\nclass Config: pass\n")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            lambda folder: (folder / "config.json").unlink(),
            "the folder has no config.json; give the checkpoint's folder",
        ),
        (lambda folder: (folder / WEIGHTS).unlink(), "Error no file named model.safetensors"),
        (written("config.json", b"{"), "It looks like the config file at '.*' is not a valid JSON file"),
        (cut, r"a safetensors file is damaged \(.*not fully covered\); download or write the checkpoint again$"),
        (written(WEIGHTS, b"version https://git-lfs"), r"a safetensors file is damaged \(.*header too large\); "),
        (changed_config(vocab_size=11), "its weights have other shapes than its config.json says; the report above"),
        (changed_config(num_hidden_layers=9), r"the checkpoint lacks \d+ weights of the model \(model.layers"),
        (changed_config(model_type="t5", architectures=["T5"]), "the checkpoint lacks .* weights of the model"),
        (changed_config(num_attention_heads=7), "The hidden size"),
        (changed_config(model_type="zorp"), "The checkpoint you are trying to load has model type `zorp`"),
        (changed_config(hidden_act="zorp"), "KeyError: 'zorp'"),
        (changed_config(dtype="float33"), "AttributeError: module 'torch' has no attribute 'float33'"),
        (pickled_code, "its weights are a pickle that may run code; convert them to safetensors, where you trust"),
        (remote_code, "contains custom code which must be executed to correctly load the model"),
        (written("tokenizer.json", b""), "the tokenizer cannot be loaded: "),
        (written("tokenizer.json", b"{}"), "the tokenizer cannot be loaded: KeyError: 'added_tokens'"),
        (written("tokenizer_config.json", b"[]"), "the tokenizer cannot be loaded: AttributeError: "),
    ],
)
def test_a_bad_checkpoint_is_one_line(checkpoint, change, reason):
    change(checkpoint)
    with pytest.raises(InputError, match=f"^hf-topk, pretrained={checkpoint}: .*{reason}"):
        HFTopK(pretrained=str(checkpoint))
    assert not (checkpoint / "was executed").exists()


@pytest.mark.parametrize(
    ("ggufs", "gguf_file", "reason"),
    [
        (["b.gguf", "a.gguf"], "c.gguf", ", gguf_file=c.gguf: the folder has no such GGUF file; it has a.gguf, b"),
        ([], "c.gguf", ", gguf_file=c.gguf: the folder has no such GGUF file; give the folder that has it$"),
        (["a.gguf"], "a" * 300, r", gguf_file=a{300}: the folder has no such GGUF file; it has a.gguf$"),
        (["a.gguf"], None, r": the folder has no config.json; add gguf_file=NAME to read one .*: a.gguf \("),
        (list("dcba"), None, r": the folder has no config.json; give the checkpoint's folder \("),
        ([f"{c}.gguf" for c in "dcba"], None, r": the folder has .* its GGUF files: a.gguf, b.gguf, c.gguf, ... \("),
        (["a.gguf"], "a.gguf", ", gguf_file=a.gguf: (?!the folder has no)"),  # another error: it is no GGUF file
    ],
)
def test_a_gguf_file_that_is_not_there_is_one_line(tmp_path, ggufs, gguf_file, reason):
    for name in ggufs:
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "folder.gguf").mkdir()
    with pytest.raises(InputError, match=f"^hf-topk, pretrained={tmp_path}{reason}"):
        HFTopK(pretrained=str(tmp_path), gguf_file=gguf_file)


def test_a_gguf_file_in_a_subfolder_is_not_looked_for_in_the_folder(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.gguf").write_bytes(b"")
    line = f"^hf-topk, pretrained={tmp_path}, subfolder=sub, gguf_file=a.gguf: (?!the folder has no)"
    with pytest.raises(InputError, match=line):
        HFTopK(pretrained=str(tmp_path), subfolder="sub", gguf_file="a.gguf")


def test_a_folder_that_cannot_be_read_keeps_the_first_error(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)  # for root, every folder can be read
    error = load_error("hf-topk", str(tmp_path), {"gguf_file": "a.gguf"}, PermissionError("it cannot be read"))
    assert str(error) == f"hf-topk, pretrained={tmp_path}, gguf_file=a.gguf: it cannot be read"


def test_pickled_weights_without_code_are_read(checkpoint):
    torch.save(load_file(checkpoint / WEIGHTS), checkpoint / "pytorch_model.bin")
    (checkpoint / WEIGHTS).unlink()
    assert HFTopK(pretrained=checkpoint).model_name == str(checkpoint)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"dtype": "float33"}, "dtype=float33: did you mean 'float32'? expected a type such as bfloat16, "),
        ({"dtype": "int8"}, "dtype=int8: expected a type such as bfloat16, float16 or float32"),
        ({"dtype": 32}, "dtype=32: expected a type such as bfloat16, float16 or float32"),
        ({"mixed_precision_dtype": "bf16"}, "mixed_precision_dtype=bf16: did you mean 'bfloat16'? expected a type"),
        ({"softmax_dtype": "nn"}, "softmax_dtype=nn: expected a type such as bfloat16, float16 or float32"),
        ({"weights_only": False}, "weights_only=False: pickled weights could run any code; leave it out, and convert"),
        ({"pretrained": 3}, "pretrained=3: expected a checkpoint's folder, or a name on the Hub"),
        ({"pretrained": "a" * 300}, f"hf-topk, pretrained={'a' * 300}: there is no such folder, and loading this name"),
        ({"pretrained": "a\0b"}, "hf-topk, pretrained=a\\x00b: there is no such folder, and loading this name"),
        ({"backend": "x"}, "backend=x: expected default or causal or seq2seq"),
        ({"tokenizer": "no/such"}, "hf-topk, pretrained=MODEL, tokenizer=no/such: the tokenizer cannot be loaded: "),
        ({"trust_remote": True}, "hf-topk: --model_args has no trust_remote=; did you mean trust_remote_code=?"),
        ({"add_bos_token": "x"}, "add_bos_token=x: expected None or True or False"),
    ],
)
def test_a_bad_argument_is_one_line(random_model, arguments, line):
    with pytest.raises(InputError) as caught:
        HFTopK(**({"pretrained": str(random_model)} | arguments))
    assert str(caught.value).startswith(line.replace("MODEL", str(random_model)))


def test_a_tokenizer_that_panics_at_a_text_is_one_line(checkpoint):
    path = checkpoint / "tokenizer.json"
    split = {"type": "Split", "pattern": {"Regex": "(a+a+)+b"}, "behavior": "Isolated", "invert": False}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"pre_tokenizer": split}))
    model = HFTopK(pretrained=str(checkpoint))
    with pytest.raises(
        InputError, match=rf"^a run, {checkpoint}: the tokenizer's own code failed \(.*retry-limit.*\); "
    ):
        model.encode(request("task", "a" * 60))
    assert load_tokenizer(str(checkpoint), "--tokenizer")


def test_a_token_without_embedding_is_one_line(random_model):
    model = HFTopK(pretrained=str(random_model))
    model.tokenizer.add_tokens([f"zorp{i}z" for i in range(300)])
    first = len(model.tokenizer) - 300
    line = rf"^a run: the tokenizer returns the token {first + 299}, but {random_model} has only 1024 embeddings; use "
    with pytest.raises(InputError, match=line):
        model.loglikelihood([request("", "a zorp299z b")], disable_tqdm=True)
    assert model.loglikelihood([request("", "a zorp0z b")], disable_tqdm=True)


def test_a_chat_template_with_a_lone_surrogate_is_one_line(checkpoint):
    path = checkpoint / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"chat_template": "{# \ud800 #}x"}))
    model = HFTopK(pretrained=str(checkpoint))
    with pytest.raises(InputError, match=f"^{checkpoint}: the chat template contains a lone surrogate"):
        model.chat_template(True)
    model.tokenizer.chat_template = "x"
    assert model.chat_template(True) == "x"


def test_weights_that_are_not_used_are_a_warning(checkpoint, harness_logs):
    changed_config(num_hidden_layers=1)(checkpoint)
    HFTopK(pretrained=str(checkpoint))
    (line,) = [message for message in harness_logs.messages if "does not use" in message]
    assert line.startswith(
        f"{checkpoint}: the model does not use 9 weights of the checkpoint (model.layers.1.input_lay"
    )
    assert line.endswith(", ...); check that config.json belongs to these weights")


def test_only_panics_are_caught():
    for error in (KeyboardInterrupt, SystemExit, pickle.PickleError, ValueError):
        with pytest.raises(error), tokenizing("a run"):
            raise error
