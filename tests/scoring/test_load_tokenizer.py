from pathlib import Path

import pytest

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.scoring.load_tokenizer import load_tokenizer

PACKAGE = Path(__file__).parents[2] / "lm_eval_hesnr"


def test_a_folder_gives_its_tokenizer(tiny_model):
    tokenizer = load_tokenizer(str(tiny_model), "--tokenizer")
    assert tokenizer.decode(tokenizer("def f(x):")["input_ids"]) == "def f(x):"


@pytest.mark.parametrize("option", ["--tokenizer", "max_tokens"])
def test_what_is_missing_is_one_line_that_begins_with_the_option(tmp_path, option):
    with pytest.raises(InputError, match=f"^{option}: the tokenizer {tmp_path}/none cannot be loaded [^\n]+$"):
        load_tokenizer(f"{tmp_path}/none", option)


def test_a_gguf_file_that_is_not_there_is_named_with_those_of_the_folder(tmp_path):
    (tmp_path / "a.gguf").write_bytes(b"")
    line = f"^max_tokens: the tokenizer {tmp_path}, gguf_file=b.gguf cannot be loaded .*no such .*; it has a.gguf"
    with pytest.raises(InputError, match=line):
        load_tokenizer(str(tmp_path), "max_tokens", gguf_file="b.gguf")


def test_the_rest_of_the_package_loads_no_tokenizer_by_itself():
    sources = [path for path in PACKAGE.rglob("*.py") if "AutoTokenizer.from_pretrained(" in path.read_text()]
    assert sources == [PACKAGE / "scoring" / "load_tokenizer.py"]
