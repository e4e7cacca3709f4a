"""`completions-topk`: the harness's `local-completions`, which also scores a whole trajectory in one request.

For a server that gives logprobs of the prompt: vLLM, SGLang, and others that speak one of the three forms of
`models.server.answers`. Token ids are sent, never text, and every answer is held against what was sent.
"""

from __future__ import annotations

import inspect
import logging
import os
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from lm_eval.models.api_models import TemplateAPI
from lm_eval.models.openai_completions import LocalCompletionsAPI

from lm_eval_hesnr import __version__
from lm_eval_hesnr.errors import AnswerError, InputError, RequestRefusedError
from lm_eval_hesnr.models.arguments import (
    as_number,
    as_number_or_none,
    known_arguments,
    refuse_several_processes,
    unknown_argument,
)
from lm_eval_hesnr.models.base import Reading, TrajectoryModel
from lm_eval_hesnr.models.server.answer_form import AnswerForm
from lm_eval_hesnr.models.server.answers import FORMS
from lm_eval_hesnr.models.server.connection import Connection, SecretFilter, root_of
from lm_eval_hesnr.scoring.statistics import Statistics
from lm_eval_hesnr.scoring.tokens import TrajectoryTokenizer

eval_logger = logging.getLogger("lm_eval.hesnr")

KEY_VARIABLE = "OPENAI_API_KEY"
"""Environment variable of the API key, the harness's own."""

_SECRET = re.compile("auth|key|token(?!s|iz)|secret|passw|cookie|credential", re.IGNORECASE)
"""Names of headers and options whose values are nobody's business."""

_BACKENDS = ("huggingface", "tiktoken", "remote", "auto", "none", "None", None)

_SHORTEST = 3
"""Tokens of a context in which there is something to score: two, and one that the server generates."""

_PROBE = 'def naïve(x):\n\treturn x["漢字"] + 1234567  # why?\n\n  ok'
"""A text that tokenizers split differently."""


class CompletionsTopK(TrajectoryModel, LocalCompletionsAPI):
    """The harness's `local-completions` for every stock request; requests that carry labels are scored whole.

    Takes all arguments of `local-completions` but those that carry secrets, which the harness would write into its
    results. The tokenizer is `tokenizer`, or that of `model`, or of the local folder that the server has loaded.
    """

    _no_list: str | None = None
    """Why the server gives no list of models."""

    def __init__(
        self,
        base_url: str | None = None,
        model: str | None = None,
        tokenizer: str | None = None,
        stride: int | None = None,
        score_store: str | None = None,
        server: str = "auto",
        max_length: int | None = None,
        max_retries: int | None = None,
        timeout: float | None = None,
        retry_wait: float = 1.0,
        tokenizer_backend: str = "huggingface",
        **kwargs: Any,
    ) -> None:
        """Ask the server for its model, then load the tokenizer.

        Args:
            base_url: the server, such as http://127.0.0.1:8000/v1/completions.
            model: what the server calls its model, and where the tokenizer is if `tokenizer` says nothing else.
            tokenizer: where the tokenizer is, a folder or a name.
            stride: tokens between windows over a trajectory longer than the model's context; half a window if None.
            score_store: folder that scores are read from and written to, see `scoring.store`.
            server: which of `FORMS` the server speaks; "auto" tries them in turn.
            max_length: the model's context, of which one token is left for the answer; what the server says if None,
                and as in `local-completions` for stock requests.
            max_retries: how often a request is sent; 10 if None, and 3 for stock requests.
            timeout: seconds to wait for an answer; 300 and one for each 100 tokens if None, and 300 for stock requests.
            retry_wait: seconds before the second attempt, twice as many before each further one, 30 at most.
            tokenizer_backend: as in `local-completions`; labels need "huggingface".
            **kwargs: whatever `local-completions` takes.
        """
        model = model or kwargs.pop("pretrained", None)
        if not base_url or not model:
            raise InputError(
                "completions-topk needs base_url= and model=, such as "
                "--model_args base_url=http://127.0.0.1:8000/v1/completions,model=my/model"
            )
        if server not in ("auto", *FORMS):
            raise InputError(f"server={server}: expected auto, {', '.join(FORMS)}")
        if tokenizer_backend not in _BACKENDS:
            raise InputError(f"tokenizer_backend={tokenizer_backend}: expected huggingface, tiktoken, remote or none")
        refuse_several_processes("completions-topk", "with num_concurrent= for requests at the same time")
        _refuse_secrets(base_url, kwargs)
        _refuse_unknown(kwargs)
        if not base_url.startswith(("http://", "https://")):
            raise InputError(f"base_url={base_url}: expected such as http://127.0.0.1:8000/v1/completions")
        retry_wait = as_number("retry_wait", retry_wait, 0, "seconds", whole=False)
        timeout = as_number_or_none("timeout", timeout, 1, "seconds", whole=False)
        max_retries = as_number_or_none("max_retries", max_retries, 1, "attempts")
        max_length = as_number_or_none("max_length", max_length, _SHORTEST, "tokens")
        stride = as_number_or_none("stride", stride, 1, "tokens")
        for name, unit in (("num_concurrent", "requests"), ("max_gen_toks", "tokens")):
            if name in kwargs:
                kwargs[name] = as_number(name, kwargs[name], 1, unit)
        self._root = root_of(base_url)
        key = os.environ.get(KEY_VARIABLE, "").strip()
        if not (key.isascii() and key.isprintable()):
            raise InputError(f"{KEY_VARIABLE} holds a line break or a letter that no header can carry")
        header = {**(kwargs.pop("header", None) or {}), **({"Authorization": f"Bearer {key}"} if key else {})}
        is_verified, certificates = kwargs.get("verify_certificate", True), kwargs.get("ca_cert_path")
        self._connection = Connection(
            self._root,
            header=header,
            verify=certificates if is_verified and certificates else is_verified,
            attempts=10 if max_retries is None else max_retries,
            first_wait=retry_wait,
            secret=key,
        )
        if key:
            logging.getLogger("lm_eval.models.api_models").addFilter(SecretFilter(key))
        self._served = self._ask_for(model)
        self._engine = self._ask_for_engine()
        if tokenizer is None and tokenizer_backend == "huggingface" and not Path(model).is_dir():
            folder = str(self._served.get("root") or model)
            if Path(folder).is_dir():
                tokenizer = folder
            else:
                eval_logger.info("no tokenizer=: looking for that of %s on the Hub", model)
        options = {"max_length": max_length, "max_retries": max_retries, "timeout": timeout}
        try:
            super().__init__(
                base_url=f"{self._root}/v1/completions" if base_url.rstrip("/") in self._aliases() else base_url,
                model=model,
                tokenizer=tokenizer,
                tokenizer_backend=tokenizer_backend,
                header=header,
                **{key: value for key, value in options.items() if value is not None},
                **kwargs,
            )
        except (ImportError, RuntimeError, ValueError, OSError) as error:  # no package, tokenizer or number
            if not isinstance(error, OSError) or tokenizer_backend != "huggingface":
                raise InputError(f"completions-topk: {' '.join(str(error).split())}") from error
            raise InputError(
                f"no tokenizer in {tokenizer or model!r} ({str(error).splitlines()[0]}); give tokenizer=, the folder "
                "or name of the one that the served model has"
            ) from error
        self.score_store, self._given_stride = score_store, stride
        self._given_bos: bool | None = kwargs.get("add_bos_token")
        self._server, self._given_max_length = server, max_length
        self._given_timeout = timeout

    @property
    def model_name(self) -> str:
        """What the model is called in messages and signatures."""
        return str(self.model)

    @cached_property
    def signature(self) -> dict[str, Any]:
        """What is known of a served model: its names, and how it answers."""
        return {
            "model": self.model_name,
            "revision": self._served.get("root"),
            "dtype": None,
            "tokenizer": getattr(self.tokenizer, "name_or_path", None),
            "add_bos_token": self._given_bos,
            "window": self._window,
            "stride": self.stride,
            "server": self._root,
            "engine": self._engine,
            "answers": self._form.name,
            "lm_eval_hesnr": __version__,
        }

    @cached_property
    def _trajectory_tokenizer(self) -> TrajectoryTokenizer:
        """With the tokenizer's own habit of a BOS, as in `hf`, where `local-completions` has none unless told."""
        if self.tokenizer_backend != "huggingface":
            raise InputError(f"tokenizer_backend={self.tokenizer_backend}: labels need huggingface, drop it")
        return TrajectoryTokenizer(self.tokenizer, name=self.model_name, add_bos_token=self._given_bos)

    def _ask_for(self, model: str) -> dict[str, Any]:
        """What the server tells of the model in its list of models; empty if it has no such list."""
        try:
            models = self._connection.get("/v1/models")["data"]
            found = [one for one in models if one.get("id") == model]
        except AnswerError as error:
            self._no_list = f"{self._root}{error}"
            eval_logger.warning("%s", self._no_list)
            return {}
        except (KeyError, TypeError, AttributeError):
            return {}
        if models and not found:
            others = ", ".join(str(one.get("id")) for one in models)
            raise InputError(
                f"{self._root} serves no model {model!r} but {others}; give that as model=, and tokenizer="
            )
        return dict(found[0]) if found else {}

    def _ask_for_engine(self) -> str | None:
        """The server's name and version, as far as it tells."""
        try:
            version = self._connection.get("/version", attempts=1)["version"]
        except (InputError, KeyError, TypeError):
            version = None
        owner = self._served.get("owned_by")
        return " ".join(str(word) for word in (owner, version) if word) or None

    @cached_property
    def _context(self) -> int:
        """Tokens of the model's context, the one that the server insists on generating included."""
        if self._given_max_length is not None:
            return self._given_max_length
        told = self._served.get("max_model_len")
        if not told:
            reason = self._no_list or f"{self._root} does not say how long its context is"
            raise InputError(f"{reason}; if the server cannot say it, give max_length= in --model_args")
        key = f"{self._root}/v1/models (max_length= in --model_args goes before it): max_model_len"
        return int(as_number(key, told, _SHORTEST, "tokens"))

    @property
    def _window(self) -> int:
        return self._context - 1

    @cached_property
    def _form(self) -> AnswerForm:
        """The form in which this server answers, by a short text that it has read both as ids and as text."""
        forms = [FORMS[self._server]] if self._server != "auto" else list(FORMS.values())
        ids = self.tokenizer(_PROBE, add_special_tokens=False)["input_ids"]
        not_read: list[RequestRefusedError] = []
        refusals: dict[str, list[str]] = {}
        for form in forms:
            try:
                self._post(form, ids, np.arange(1, len(ids)), k=1, attempts=3)
            except RequestRefusedError as error:
                not_read.append(error)
            except AnswerError as error:
                refusals.setdefault(str(error), []).append(form.name)
            else:
                self._compare_tokenizers(form, ids)
                eval_logger.info("%s: answers in the form of %s", self._root, form.name)
                return form
        if not refusals:
            raise InputError(f"{self._root}{not_read[0]}")
        reasons = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in refusals.items())
        raise InputError(f"{self._root} gives no logprobs of prompts ({reasons})")

    def _compare_tokenizers(self, form: AnswerForm, ids: list[int]) -> None:
        """Let the server read the text itself and look at the ids that it makes of it."""
        question = form.question(self.model_name, _PROBE, 1)
        try:
            theirs = self._connection.post(form.path, question, self._timeout(1), form.ids_read, attempts=3)
        except AnswerError as error:
            eval_logger.warning("%s: cannot tell whether the tokenizer is the same (%s)", self._root, error)
            return
        if theirs is None:
            eval_logger.warning("%s: cannot tell whether the tokenizer is the same, it returns no ids", self._root)
        elif theirs not in (ids, self.tokenizer(_PROBE)["input_ids"]):
            raise InputError(
                f"{self._root} has another tokenizer than {getattr(self.tokenizer, 'name_or_path', 'ours')}: it reads "
                f"{len(theirs)} tokens {theirs[:6]}... where ours reads {len(ids)} {ids[:6]}...; give tokenizer="
            )

    def _read(self, readings: Sequence[Reading]) -> Iterator[tuple[int, Statistics]]:
        form = self._form

        def read(i: int) -> tuple[int, Statistics]:
            reading = readings[i]
            try:
                return i, self._post(form, reading.prompt, reading.rows, reading.k)
            except AnswerError as error:
                raise InputError(f"{self.model_name} at {self._root}{error}") from None

        yield from self._connection.in_parallel(read, len(readings), max(self._concurrent, 1))

    def _post(
        self, form: AnswerForm, prompt: list[int], wanted: np.ndarray, k: int, attempts: int | None = None
    ) -> Statistics:
        return self._connection.post(
            form.path,
            form.question(self.model_name, prompt, k),
            self._timeout(len(prompt)),
            lambda answer: form.read(answer, prompt, wanted, k),
            attempts,
        )

    def _aliases(self) -> list[str]:
        """Addresses that people give for the server and that take no completions."""
        return [self._root, f"{self._root}/v1", f"{self._root}/generate"]

    def _timeout(self, n_tokens: int) -> float:
        return 300 + n_tokens / 100 if self._given_timeout is None else self._given_timeout


def _refuse_unknown(options: dict[str, Any]) -> None:
    """The harness's constructor takes any name and forgets it."""
    known = known_arguments(CompletionsTopK, LocalCompletionsAPI, TemplateAPI)
    for name in options:
        if name not in known | {"device", "max_batch_size"}:  # which the harness gives every model
            raise unknown_argument("completions-topk", name, known)


def _refuse_secrets(base_url: str, options: dict[str, Any]) -> None:
    """The harness writes model arguments into its results, so no secret may be among them."""
    header = options.get("header") or {}
    is_header = isinstance(header, dict) and all(
        isinstance(word, str) and word.isascii() and word.isprintable() for pair in header.items() for word in pair
    )
    known = {name for kind in LocalCompletionsAPI.__mro__ for name in inspect.signature(kind.__init__).parameters}
    told = [name for name in options if _SECRET.search(name) and name not in known - {"auth_token"}]
    told += [f"header {name}" for name in header if _SECRET.search(name)] if is_header else []
    told += ["header"] if isinstance(header, str) else []
    told += ["the password in base_url"] if "@" in base_url else []
    told += ["the query in base_url"] if "?" in base_url else []
    if told:
        raise InputError(
            f"completions-topk: {', '.join(told)} would be written into the results; put the API key into the "
            f"environment variable {KEY_VARIABLE}"
        )
    if not is_header:
        raise InputError('header: expected a JSON object of names and texts in ASCII, such as header={"X-Team":"a"}')
