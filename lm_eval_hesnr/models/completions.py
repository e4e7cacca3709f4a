"""`completions-topk`: the harness's `local-completions`, which also scores a whole trajectory in one request.

It needs a server that returns the logprobs of the prompt: vLLM, SGLang, or another server with an answer format of
`models.server.answers`. Prompts are sent as token ids, and every answer is compared with its request.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
from lm_eval.models.api_models import TemplateAPI
from lm_eval.models.openai_completions import LocalCompletionsAPI

from lm_eval_hesnr import __version__
from lm_eval_hesnr.errors import AnswerError, InputError, RequestRefusedError
from lm_eval_hesnr.files import is_folder, make_folder
from lm_eval_hesnr.models.arguments import known_arguments
from lm_eval_hesnr.models.base import TrajectoryModel
from lm_eval_hesnr.models.progress import Progress
from lm_eval_hesnr.models.server.answer_form import AnswerForm
from lm_eval_hesnr.models.server.answers import FORMS
from lm_eval_hesnr.models.server.connection import Connection
from lm_eval_hesnr.models.server.limits import Limits
from lm_eval_hesnr.models.server.messages import ServerTextFilter
from lm_eval_hesnr.models.server.served_model import AnsweringModel, ServedModel
from lm_eval_hesnr.models.server_arguments import ServerArguments
from lm_eval_hesnr.models.window_request import WindowRequest
from lm_eval_hesnr.scoring.statistics import NO_EXTRAS, Extras, Statistics
from lm_eval_hesnr.scoring.tokens import TrajectoryTokenizer

eval_logger = logging.getLogger("lm_eval.hesnr")

_PROBE = 'def naïve(x):\n\treturn x["漢字"] + 1234567  # why?\n\n  ok'
"""A text that different tokenizers split differently."""


_LOGGERS_OF_OTHERS = ("lm_eval.models.api_models", "urllib3.connection", "urllib3.connectionpool")
"""They write the server's text, such as an error message or a header that is not valid."""


class CompletionsTopK(TrajectoryModel, LocalCompletionsAPI):
    """The harness's `local-completions`. Requests with labels are scored as trajectories; all others by the harness.

    It takes all arguments of `local-completions` except secrets, because the harness writes arguments into its results.
    The tokenizer comes from `tokenizer` if it is given, or from `model` if that is a local folder. Otherwise it comes
    from the local folder that the server has loaded, or from the Hub.
    """

    offered = Extras(candidates=True)

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
        """Request the entry of the model from the server, then load the tokenizer.

        Args:
            base_url: the server, such as http://127.0.0.1:8000/v1/completions.
            model: the server's name of its model. If `tokenizer` is not given, the tokenizer is loaded from this name.
            tokenizer: where the tokenizer is, a folder or a name.
            stride: tokens between windows over a trajectory longer than the model's context; half a window if None.
            score_store: the folder where scores are read and written, see `scoring.store`.
            server: the server's answer format, one of `FORMS`; "auto" tries each of them.
            max_length: the model's context in tokens, including the one that the server generates. If None, the
                server's own number is used, and for requests without labels the default of `local-completions`.
            max_retries: the largest number of attempts per request. If None, it is 10, and 3 for requests without
                labels.
            timeout: seconds to wait for an answer. If None, it is 300 plus 1 per 100 tokens, and 300 for requests
                without labels.
            retry_wait: seconds before the second attempt. The wait doubles before each further attempt, up to 30.
            tokenizer_backend: as in `local-completions`; labels need "huggingface".
            **kwargs: all other arguments of `local-completions`.

        Raises:
            InputError: an argument is invalid, the server does not answer, or there is no tokenizer.
        """
        arguments = ServerArguments.checked(
            base_url=base_url, model=model or kwargs.pop("pretrained", None), tokenizer=tokenizer, server=server,
            tokenizer_backend=tokenizer_backend, stride=stride, max_length=max_length, max_retries=max_retries,
            timeout=timeout, retry_wait=retry_wait, others=kwargs,
            known=known_arguments(CompletionsTopK, LocalCompletionsAPI, TemplateAPI),
        )  # fmt: skip
        self.score_store = None if score_store is None else str(make_folder(str(score_store), "score_store"))
        self._arguments, self._root = arguments, arguments.root
        self._connection = _connection(arguments)
        self._answering = AnsweringModel()
        self._served = ServedModel.ask(self._connection, arguments.model)
        tokenizer = self._tokenizer_name()
        with _loading_errors(arguments, tokenizer):
            super().__init__(**arguments.for_harness(tokenizer))
        self.given_stride = arguments.stride
        self._given_bos: bool | None = kwargs.get("add_bos_token")

    @property
    def model_name(self) -> str:
        """The model's name in messages and signatures."""
        return str(self.model)

    @cached_property
    def signature(self) -> dict[str, Any]:
        """The known settings of a served model: its names, its context, its server and its answer format."""
        return {
            "model": self.model_name,
            "revision": self._served.root,
            "dtype": None,
            "tokenizer": getattr(self.tokenizer, "name_or_path", None),
            "add_bos_token": self._given_bos,
            "window": self.window,
            "stride": self.stride,
            "server": self._root,
            "engine": self._served.engine,
            "answers": self._form.name,
            "lm_eval_hesnr": __version__,
        }

    @property
    def window(self) -> int:
        """The model's context in tokens, minus the token that the server generates."""
        return self._context - 1

    @cached_property
    def trajectory_tokenizer(self) -> TrajectoryTokenizer:
        """The tokenizer for texts with labels. It adds a BOS token by its own default, unlike `local-completions`."""
        if self.tokenizer_backend != "huggingface":
            raise InputError(f"tokenizer_backend={self.tokenizer_backend}: labels need huggingface; leave it out")
        return TrajectoryTokenizer(self.tokenizer, name=self.model_name, add_bos_token=self._given_bos)

    def read(self, requests: Sequence[WindowRequest], progress: Progress) -> Iterator[tuple[int, Statistics]]:
        """Yield each request's index with the statistics of its tokens, in the order in which the server answers."""
        form = self._form

        def _read(i: int) -> tuple[int, Statistics]:
            request = requests[i]
            try:
                return i, self._post(form, request.prompt, request.rows, request.k, request.extras)
            except AnswerError as error:
                raise InputError(f"{self.model_name} at {self._root}{error}") from None

        yield from self._connection.in_parallel(_read, len(requests), max(self._concurrent, 1))

    def _tokenizer_name(self) -> str | None:
        """The tokenizer that the user gave, or the folder that the server has loaded, if it is on this machine.

        Raises:
            InputError: the user allows remote code, and the server names the folder whose code would be run.
        """
        arguments = self._arguments
        needs_none = arguments.tokenizer_backend != "huggingface" or is_folder(arguments.model)
        if arguments.tokenizer is not None or needs_none:
            return arguments.tokenizer
        folder = self._served.root
        if folder and is_folder(folder):
            if arguments.others.get("trust_remote_code"):
                raise InputError(
                    f"trust_remote_code: would run code in {folder!r}, a folder that the server named; give tokenizer="
                )
            return folder
        eval_logger.info("no tokenizer=: loading the tokenizer of %s from the Hub", arguments.model)
        return None

    @cached_property
    def _context(self) -> int:
        """The model's context in tokens, including the token that the server generates."""
        if self._arguments.max_length is not None:
            return self._arguments.max_length
        return self._served.context

    @cached_property
    def _form(self) -> AnswerForm:
        """The server's answer format, tested with a short text that is sent once as token ids and once as text."""
        server = self._arguments.server
        forms = list(FORMS.values()) if server == "auto" else [FORMS[server]]
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
                eval_logger.info("%s: its answer format is %s", self._root, form.name)
                return form
        if not refusals:
            raise InputError(f"{self._root}{not_read[0]}")
        reasons = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in refusals.items())
        raise InputError(f"{self._root} returns no logprobs of prompts ({reasons}); use vLLM or SGLang as server")

    def _compare_tokenizers(self, form: AnswerForm, ids: list[int]) -> None:
        """Send the probe as text, and compare the server's token ids with ours."""
        question = form.question(self.model_name, _PROBE, 1)
        try:
            limits = Limits.of_request(len(ids), 1)
            theirs = self._connection.post(form.path, question, self._timeout(1), limits, form.ids_read, attempts=3)
        except AnswerError as error:
            eval_logger.warning("%s: cannot check that the server has the same tokenizer (%s)", self._root, error)
            return
        if theirs is None:
            eval_logger.warning(
                "%s: cannot check that the server has the same tokenizer (it returns no ids)", self._root
            )
        elif theirs not in (ids, self.tokenizer(_PROBE)["input_ids"]):
            raise InputError(
                f"{self._root} has another tokenizer than {getattr(self.tokenizer, 'name_or_path', 'ours')}: it splits "
                f"a text into {len(theirs)} tokens {theirs[:6]}..., ours into {len(ids)} {ids[:6]}...; give tokenizer="
            )

    def _post(
        self,
        form: AnswerForm,
        prompt: list[int],
        rows: np.ndarray,
        k: int,
        extras: Extras = NO_EXTRAS,
        attempts: int | None = None,
    ) -> Statistics:
        def _read(answer: Any) -> Statistics:
            self._answering.check(answer)
            return form.read(answer, prompt, rows, k, extras)

        question, limits = form.question(self.model_name, prompt, k), Limits.of_request(len(prompt), k)
        return self._connection.post(form.path, question, self._timeout(len(prompt)), limits, _read, attempts)

    def _timeout(self, n_tokens: int) -> float:
        timeout = self._arguments.timeout
        return 300 + n_tokens / 100 if timeout is None else timeout


def _connection(arguments: ServerArguments) -> Connection:
    """The connection to the server. It also makes the log safe in which other packages write the server's text."""
    for name in _LOGGERS_OF_OTHERS:
        logging.getLogger(name).addFilter(ServerTextFilter(arguments.key))
    return Connection(
        arguments.root,
        header=arguments.header,
        verify=arguments.verify,
        attempts=10 if arguments.max_retries is None else arguments.max_retries,
        first_wait=arguments.retry_wait,
        secret=arguments.key,
    )


@contextmanager
def _loading_errors(arguments: ServerArguments, tokenizer: str | None) -> Iterator[None]:
    """Turn errors of the harness's constructor (a missing package or tokenizer, a wrong number) into one line."""
    try:
        yield
    except (ImportError, RuntimeError, ValueError, OSError) as error:
        is_tokenizer = isinstance(error, OSError) or "tokenizer" in str(error)
        if not is_tokenizer or arguments.tokenizer_backend != "huggingface":
            raise InputError(f"completions-topk: {' '.join(str(error).split())}") from error
        raise InputError(
            f"no tokenizer in {tokenizer or arguments.model!r} ({str(error).splitlines()[0]}); give tokenizer=, the "
            "folder or name of the served model's tokenizer"
        ) from error
