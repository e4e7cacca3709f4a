"""The arguments of `completions-topk`, checked in one place."""

from __future__ import annotations

import inspect
import os
import re
from dataclasses import dataclass, field
from typing import Any

from lm_eval.models.openai_completions import LocalCompletionsAPI

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.models.arguments import as_number, as_number_or_none, refuse_several_processes, unknown_argument
from lm_eval_hesnr.models.server.answers import FORMS
from lm_eval_hesnr.models.server.connection import root_of
from lm_eval_hesnr.models.server.messages import without_secret

KEY_VARIABLE = "OPENAI_API_KEY"
"""Environment variable of the API key, the same as in the harness."""

SHORTEST_CONTEXT = 3
"""The shortest context in tokens: one token to read, one to score, and one that the server generates."""

_SECRET = re.compile("auth|key|token(?!s|iz)|secret|passw|cookie|credential", re.IGNORECASE)
"""Matches the names of headers and options whose values may be secret."""

_SECRET_VALUE = re.compile(r"\s*(bearer|basic|digest|negotiate)\s", re.IGNORECASE)
"""Matches values that headers such as Authorization have."""

_BACKENDS = ("huggingface", "tiktoken", "remote", "auto", "none", "None", None)
_EXAMPLE = "http://127.0.0.1:8000/v1/completions"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerArguments:
    """The server's address and how it is used. All values are checked."""

    base_url: str
    model: str
    """The server's name of the model."""
    tokenizer: str | None
    """A folder or a name; None if it is not given."""
    tokenizer_backend: str
    server: str
    """One of `FORMS`, or "auto"."""
    stride: int | None
    max_length: int | None
    max_retries: int | None
    timeout: float | None
    """Seconds."""
    retry_wait: float
    """Seconds."""
    header: dict[str, str] = field(repr=False)
    """Sent with every request, the API key included."""
    key: str = field(repr=False)
    """The API key, or an empty text."""
    others: dict[str, Any]
    """The other arguments, for `local-completions`."""

    @classmethod
    def checked(
        cls, *, base_url: str | None, model: str | None, tokenizer: str | None, tokenizer_backend: str, server: str,
        stride: Any, max_length: Any, max_retries: Any, timeout: Any, retry_wait: Any, others: dict[str, Any],
        known: set[str],
    ) -> ServerArguments:  # fmt: skip
        """Check the user's arguments. `known` contains the names that `others` may have.

        Raises:
            InputError: an argument is missing, unknown, secret or invalid.
        """
        if not base_url or not model:
            raise InputError(
                f"completions-topk needs base_url= and model=, such as --model_args base_url={_EXAMPLE},model=my/model"
            )
        _refuse_half_characters({"base_url": base_url, "model": model, "tokenizer": tokenizer, **others})
        _refuse_unknown_choices(server, tokenizer_backend)
        refuse_several_processes("completions-topk", "with num_concurrent= for requests at the same time")
        key = _api_key()
        _refuse_secrets(base_url, others, key)
        for name in others:
            if name not in known | {"device", "max_batch_size"}:  # the harness gives these two to every model
                raise unknown_argument("completions-topk", name, known)
        if not base_url.startswith(("http://", "https://")):
            raise InputError(f"base_url={base_url}: expected an address such as {_EXAMPLE}")
        units = {"num_concurrent": "requests", "max_gen_toks": "tokens"}
        counts = {name: as_number(name, others[name], 1, unit) for name, unit in units.items() if name in others}
        return cls(
            base_url=base_url,
            model=model,
            tokenizer=tokenizer,
            tokenizer_backend=tokenizer_backend,
            server=server,
            retry_wait=as_number("retry_wait", retry_wait, 0, "seconds", whole=False),
            timeout=as_number_or_none("timeout", timeout, 1, "seconds", whole=False),
            max_retries=as_number_or_none("max_retries", max_retries, 1, "attempts"),
            max_length=as_number_or_none("max_length", max_length, SHORTEST_CONTEXT, "tokens"),
            stride=as_number_or_none("stride", stride, 1, "tokens"),
            header={**(others.get("header") or {}), **({"Authorization": f"Bearer {key}"} if key else {})},
            key=key,
            others={name: value for name, value in others.items() if name != "header"} | counts,
        )

    @property
    def root(self) -> str:
        """The server's address without a path."""
        return root_of(self.base_url)

    @property
    def completions_url(self) -> str:
        """The address for completions, even if the user gave another address of the server."""
        others = (self.root, f"{self.root}/v1", f"{self.root}/generate")
        return f"{self.root}/v1/completions" if self.base_url.rstrip("/") in others else self.base_url

    @property
    def verify(self) -> bool | str:
        """As in `requests`: whether certificates are checked, or the file to check them with."""
        is_verified, certificates = self.others.get("verify_certificate", True), self.others.get("ca_cert_path")
        verify: bool | str = certificates if is_verified and certificates else is_verified
        return verify

    def for_harness(self, tokenizer: str | None) -> dict[str, Any]:
        """The arguments for the constructor of `local-completions`, which has its own defaults for missing ones."""
        given = {"max_length": self.max_length, "max_retries": self.max_retries, "timeout": self.timeout}
        return {
            "base_url": self.completions_url,
            "model": self.model,
            "tokenizer": tokenizer,
            "tokenizer_backend": self.tokenizer_backend,
            "header": self.header,
            **{name: value for name, value in given.items() if value is not None},
            **self.others,
        }


def _refuse_half_characters(arguments: dict[str, Any]) -> None:
    """Refuse texts that UTF-8 cannot encode: the harness could not write them into its results."""
    for name, value in arguments.items():
        if isinstance(value, str) and any("\ud800" <= one <= "\udfff" for one in value):
            raise InputError(f"{name}={value!a}: contains half a surrogate pair; give a name in UTF-8")


def _refuse_unknown_choices(server: str, tokenizer_backend: str) -> None:
    if server not in ("auto", *FORMS):
        raise InputError(f"server={server}: expected one of auto, {', '.join(FORMS)}")
    if tokenizer_backend not in _BACKENDS:
        raise InputError(f"tokenizer_backend={tokenizer_backend}: expected huggingface, tiktoken, remote or none")


def _api_key() -> str:
    key = os.environ.get(KEY_VARIABLE, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise InputError(
            f"{KEY_VARIABLE} contains a character that an HTTP header cannot contain, such as a line break"
        )
    return key


def _is_secret(value: str, key: str) -> bool:
    """Whether a header's value is written like a secret of HTTP, or contains the API key."""
    return bool(_SECRET_VALUE.match(value)) or without_secret(value, key) != value


def _refuse_secrets(base_url: str, options: dict[str, Any], key: str) -> None:
    """Refuse arguments that may be secret: the harness writes model arguments into its results."""
    header = options.get("header") or {}
    is_header = isinstance(header, dict) and all(
        isinstance(word, str) and word.isascii() and word.isprintable() for pair in header.items() for word in pair
    )
    known = {name for kind in LocalCompletionsAPI.__mro__ for name in inspect.signature(kind.__init__).parameters}
    secrets = [name for name in options if _SECRET.search(name) and name not in known - {"auth_token"}]
    if is_header:
        secrets += [f"header {name}" for name in header if _SECRET.search(name) or _is_secret(header[name], key)]
    secrets += ["header"] if isinstance(header, str) else []
    secrets += ["the password in base_url"] if "@" in base_url else []
    secrets += ["the query in base_url"] if "?" in base_url or "#" in base_url else []
    secrets += ["the API key in base_url"] if without_secret(base_url, key) != base_url else []
    if secrets:
        raise InputError(
            f"completions-topk: {', '.join(secrets)} would be written into the results; put the API key into the "
            f"environment variable {KEY_VARIABLE}"
        )
    if not is_header:
        raise InputError('header: expected a JSON object of names and texts in ASCII, such as header={"X-Team":"a"}')
