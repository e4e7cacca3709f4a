"""The arguments of `completions-topk`, without a server."""

from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest

pytest.importorskip("tenacity", reason="the harness's API models need lm-eval[api]")

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.models.server_arguments import ServerArguments

URL = "http://127.0.0.1:8000/v1/completions"
DEFAULTS: dict[str, Any] = {
    "base_url": URL, "model": "my/model", "tokenizer": None, "tokenizer_backend": "huggingface", "server": "auto",
    "stride": None, "max_length": None, "max_retries": None, "timeout": None, "retry_wait": 1.0, "others": {},
    "known": {"seed", "header", "num_concurrent", "ca_cert_path", "verify_certificate"},
}  # fmt: skip


def checked(**given):
    return ServerArguments.checked(**DEFAULTS | given)


@pytest.fixture(autouse=True)
def no_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def test_texts_become_numbers_and_the_rest_is_for_the_harness():
    arguments = checked(stride="64", timeout="2.5", max_length=4096, others={"num_concurrent": "4", "seed": 1})
    assert (arguments.stride, arguments.timeout, arguments.retry_wait) == (64, 2.5, 1.0)
    assert arguments.for_harness("here") == {
        "base_url": URL, "model": "my/model", "tokenizer": "here", "tokenizer_backend": "huggingface", "header": {},
        "max_length": 4096, "timeout": 2.5, "num_concurrent": 4, "seed": 1,
    }  # fmt: skip


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/", "/generate", "/v1/completions"])
def test_every_address_of_the_server_gives_the_one_for_completions(path):
    arguments = checked(base_url=f"http://127.0.0.1:8000{path}")
    assert (arguments.root, arguments.completions_url) == ("http://127.0.0.1:8000", URL)


def test_the_key_is_in_the_header_and_not_in_the_text_of_the_arguments(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret\n")
    arguments = checked(others={"header": {"X-Team": "a"}})
    assert arguments.header == {"X-Team": "a", "Authorization": "Bearer sk-secret"}
    assert "sk-secret" not in repr(arguments)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"others": {"header": {"X-Team": "Bearer abc"}}}, "header X-Team"),
        ({"others": {"header": {"X-Team": "a sk-secret-key b"}}}, "header X-Team"),
        ({"base_url": "http://127.0.0.1/sk-secret-key/v1"}, "the API key in base_url"),
        ({"base_url": f"{URL}#abc"}, "the query in base_url"),
    ],
)
def test_a_secret_without_the_name_of_a_secret_is_refused(monkeypatch, given, named):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-key")
    with pytest.raises(InputError, match=f"completions-topk: {named} would be written into the results") as raised:
        checked(**given)
    assert "abc" not in str(raised.value)
    assert "sk-secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("others", "verify"),
    [
        ({}, True),
        ({"ca_cert_path": "ca.pem"}, "ca.pem"),
        ({"verify_certificate": False, "ca_cert_path": "ca.pem"}, False),
    ],
)
def test_certificates_are_checked_as_in_the_harness(others, verify):
    assert checked(others=others).verify == verify


def test_an_unknown_name_is_refused_with_the_one_that_was_probably_meant():
    with pytest.raises(InputError, match=r"completions-topk: --model_args has no sed=; did you mean seed=\?"):
        checked(others={"sed": 1})


@pytest.mark.parametrize("name", ["base_url", "model", "tokenizer"])
def test_a_name_that_utf_8_cannot_encode_is_refused(name):
    """The harness could not write it into its results, and would leave an empty file."""
    with pytest.raises(InputError, match=name + r"='.*\\udcff': contains half a surrogate pair; give a name in UTF-8"):
        checked(**{name: f"{URL}\udcff"})


def test_checked_arguments_do_not_change():
    arguments = checked()
    for field in fields(arguments):
        with pytest.raises(FrozenInstanceError):
            setattr(arguments, field.name, None)
