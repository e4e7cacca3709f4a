"""The common part of all engines: from requests with labels to `TokenScores`.

A new engine is `class MyTopK(TrajectoryModel, TheHarnessModel)`. It defines `model_name`, `signature`, `window` and
`read`. This module does the rest: tokenizing, windows, the score store, progress and labels.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from lm_eval.api.model import LM

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.messages.characters import is_unicode
from lm_eval_hesnr.models.cost import ModelSize
from lm_eval_hesnr.models.encoding import encode_request
from lm_eval_hesnr.models.log import log_cost, log_lengths, log_store
from lm_eval_hesnr.models.progress import Progress
from lm_eval_hesnr.models.window_request import EncodedTrajectory, WindowRequest
from lm_eval_hesnr.scoring.fingerprints import fingerprint_of_tokenizer
from lm_eval_hesnr.scoring.request import LabelledText, TrajectoryResult
from lm_eval_hesnr.scoring.statistics import NO_EXTRAS, Extras, Statistics
from lm_eval_hesnr.scoring.store import ScoreStore, resumable
from lm_eval_hesnr.scoring.token_scores import STATISTICS, TokenScores, bytes_of_tokens, token_labels
from lm_eval_hesnr.scoring.token_table import TableWriter
from lm_eval_hesnr.scoring.tokens import TrajectoryTokenizer
from lm_eval_hesnr.scoring.windows import short_context

eval_logger = logging.getLogger("lm_eval.hesnr")

_STATISTICS_KINDS = (np.float32, np.float32, np.int32, np.float32, np.float32)
_NO_STATISTICS = Statistics(*(np.empty(0, kind) for kind in _STATISTICS_KINDS))


class TrajectoryModel(LM):
    """Scores the requests that have labels. All other requests go to the harness's model, the next base class.

    An engine must define the abstract members. The other members have defaults, which it can override.
    """

    tokenizer: Any
    """A fast tokenizer of `transformers`. The harness's model usually sets it."""
    add_bos_token: bool | None = None
    """Whether a BOS token is added; None for the tokenizer's own default."""
    score_store: str | None = None
    """The folder where scores are read and written (`scoring.store`); None for no store."""
    offered: Extras = NO_EXTRAS
    """The optional statistics that the engine gives."""
    given_stride: int | None = None
    """The user's `stride`; None if it is not given."""

    @property
    @abstractmethod
    def model_name(self) -> str:
        """The model's name in messages and signatures."""

    @property
    @abstractmethod
    def signature(self) -> dict[str, Any]:
        """The settings that determine the scores: model, revision, dtype, tokenizer, window and similar ones."""

    @property
    @abstractmethod
    def window(self) -> int:
        """How many tokens the engine can read at once. The last of them is the last token to score."""

    @abstractmethod
    def read(self, requests: Sequence[WindowRequest], progress: Progress) -> Iterator[tuple[int, Statistics]]:
        """Yield each request's index with the statistics of its tokens, in any order, as soon as each is ready.

        Args:
            requests: the windows to read.
            progress: an engine that reads a window in parts may call `progress.advance`. Other engines ignore it.
        """

    @property
    def store_settings(self) -> dict[str, Any]:
        """The settings that change numbers. They are a part of the keys of the score store."""
        return self.signature

    def weights_fingerprint(self) -> str | None:
        """A digest of the model's content for the score store; None if the engine does not give access to it."""
        return None

    def size(self, n_tokens: int) -> ModelSize | None:
        """The size of the model, with the memory that a window of n tokens needs; None if it is not known here."""
        return None

    def all_processes(self, own: bool) -> bool:
        """Whether `own`, the value in this process, is true in every process that runs a part of this model."""
        return own

    @property
    def stride(self) -> int:
        """Tokens between the starts of two windows: `given_stride`, or half a window if it is None."""
        self.check_stride()
        return self.window // 2 if self.given_stride is None else self.given_stride

    def check_stride(self) -> None:
        """Check that windows can cover a text. An engine calls this early, so that a wrong `stride` fails immediately.

        Raises:
            InputError: the window is shorter than two tokens, or the stride is not shorter than the window.
        """
        if self.window < 2:
            raise InputError(
                f"{self.model_name}: its context leaves {self.window} tokens for a window, expected at least 2; give a "
                "larger max_length= in --model_args"
            )
        if self.given_stride is not None and self.given_stride >= self.window:
            raise InputError(f"stride={self.given_stride}: expected a number of tokens from 1 to {self.window - 1}")

    @cached_property
    def tokenizer_digest(self) -> str | None:
        """A digest of the tokenizer's content, because several checkpoints have copies of the same tokenizer."""
        digest = fingerprint_of_tokenizer(self.tokenizer)
        return digest and digest[:16]

    @cached_property
    def trajectory_tokenizer(self) -> TrajectoryTokenizer:
        """The tokenizer for texts with labels."""
        return TrajectoryTokenizer(self.tokenizer, name=self.model_name, add_bos_token=self.add_bos_token)

    def loglikelihood(self, requests: list[Any], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """A `TrajectoryResult` for each request with labels; the harness's own answer for every other request."""
        labelled = [request for request in requests if isinstance(request.args[1], LabelledText)]
        if not labelled:
            answers: list[tuple[float, bool]] = super().loglikelihood(requests, disable_tqdm=disable_tqdm)
            return answers
        plain = [request for request in requests if not isinstance(request.args[1], LabelledText)]
        others = iter(super().loglikelihood(plain, disable_tqdm=disable_tqdm) if plain else [])
        # if a rank has too few requests, the harness repeats a request object; score such an object only once
        unique = {id(request): request for request in labelled}
        with resumable(self.score_store):
            results = dict(zip(unique, self._score_trajectories(list(unique.values()), disable_tqdm), strict=True))
        return [results[id(request)] if id(request) in results else next(others) for request in requests]

    def chat_template(self, chat_template: bool | str = False) -> str | None:
        """The text of the chat template, as in the harness, which computes a digest of it.

        Raises:
            InputError: it contains a lone surrogate, so that no digest can be computed.
        """
        template = super().chat_template(chat_template)
        if template and not is_unicode(template):
            raise InputError(
                f"{self.model_name}: the chat template contains a lone surrogate; leave out --apply_chat_template"
            )
        return template

    def encode(self, request: Any) -> EncodedTrajectory:
        """The tokens of a request with labels, and the windows in which they are scored."""
        return encode_request(request, self.trajectory_tokenizer, self.window, self.stride, self.model_name)

    def _score_trajectories(self, requests: list[Any], disable_tqdm: bool) -> list[TrajectoryResult]:
        for name in sorted({name for request in requests for name in request.args[1].extras.beyond(self.offered)}):
            raise InputError(f"{self.model_name}: this engine does not give {name}; use hf-topk, or leave it out")
        encoded = [self.encode(request) for request in requests]
        log_cost(self, requests, encoded)
        log_lengths(self, requests, encoded)
        store = self._store()
        tables = TableWriter()
        results: list[Any] = [None] * len(requests)

        def _finish(i: int, scores: TokenScores) -> None:
            text: LabelledText = requests[i].args[1]
            if store and encoded[i].plan:
                store.write(_name(requests, i), scores, render="chat" if text.has_template else "transcript")
            if text.token_table:
                tables.write(text.token_table, scores, encoded[i].text)
            results[i] = TrajectoryResult(scores)

        missing = []
        for i in sorted(range(len(requests)), key=lambda i: -len(encoded[i].tokens.ids)):  # longest first: fail early
            text = requests[i].args[1]
            if not encoded[i].plan:
                _finish(i, self._token_scores(encoded[i], text, _NO_STATISTICS, _name(requests, i)))
            elif (scores := self._stored(store, encoded[i], text)) is not None:
                _finish(i, scores)
            else:
                missing.append(i)
        texts = [requests[i].args[1] for i in missing]
        n_tokens = sum(encoded[i].n_tokens_to_read for i in missing)
        with (
            Progress(n_tokens, disable=disable_tqdm or self.rank != 0) as progress,
            closing(self._score([encoded[i] for i in missing], texts, progress)) as scored,
        ):
            for j, statistics in scored:
                i = missing[j]
                _finish(i, self._token_scores(encoded[i], texts[j], statistics, _name(requests, i)))
        tables.log_missing()
        if store:
            log_store(self, store, requests, results)
        return results

    def _store(self) -> ScoreStore | None:
        """The score store for the present weights. A training loop may have changed them since the last call."""
        if self.score_store is None:
            return None
        return ScoreStore(
            self.score_store,
            self.store_settings,
            weights=self.weights_fingerprint(),
            tokenizer=fingerprint_of_tokenizer(self.tokenizer),
        )

    def _stored(self, store: ScoreStore | None, encoded: EncodedTrajectory, text: LabelledText) -> TokenScores | None:
        """The stored scores of exactly these positions, with the labels of this run; None if some are missing."""
        if store is None:
            return None
        tokens = encoded.tokens
        stored = store.read(tokens.ids, encoded.positions, text.k, text.extras)
        if not self.all_processes(stored is not None) or stored is None:
            return None
        return replace(
            stored,
            labels=token_labels(text.labels, tokens.start, tokens.end),
            char_start=tokens.start.astype(np.int32),
            char_end=tokens.end.astype(np.int32),
            n_bytes=bytes_of_tokens(encoded.text, tokens.start, tokens.end),
            short_context=short_context(encoded.plan),
            signature=self.signature | {"k": text.k},
        )

    def _score(
        self, encoded: list[EncodedTrajectory], texts: list[LabelledText], progress: Progress
    ) -> Generator[tuple[int, Statistics]]:
        """Yield each trajectory's index and the statistics of all its windows, as soon as its last window is read."""
        places = [(i, n) for i, one in enumerate(encoded) for n in range(len(one.plan))]  # (trajectory, window) numbers
        requests = [
            WindowRequest(encoded[i].tokens.ids, encoded[i].plan[n], texts[i].k, texts[i].extras) for i, n in places
        ]
        unfinished: dict[int, dict[int, Statistics]] = {}  # trajectory number to the statistics of its read windows
        if not requests:
            return
        for r, statistics in self.read(requests, progress):
            progress.finish_window(requests[r].window.n_tokens)
            i, n = places[r]
            by_window = unfinished.setdefault(i, {})
            by_window[n] = statistics
            if len(by_window) == len(encoded[i].plan):
                del unfinished[i]
                yield i, Statistics.concatenated([by_window[n] for n in range(len(by_window))])

    def _token_scores(
        self, encoded: EncodedTrajectory, text: LabelledText, statistics: Statistics, name: str
    ) -> TokenScores:
        tokens, positions = encoded.tokens, encoded.positions
        broken = positions[~(np.isfinite(statistics.logprob) & np.isfinite(statistics.entropy))]
        if len(broken):
            dtype = self.signature.get("dtype") or "the server's"
            raise InputError(
                f"{name}: {self.model_name} returns no finite logprob at token {broken[0]} "
                f"(and {len(broken) - 1} more); try another dtype than {dtype}"
            )
        n_tokens = len(tokens.ids)
        spread: dict[str, Any] = {
            name: None if column is None else _spread(column, positions, n_tokens, STATISTICS[name])
            for name, column in statistics._asdict().items()
        }
        scored = np.zeros(n_tokens, bool)
        scored[positions] = True
        return TokenScores(
            token_ids=tokens.ids.astype(np.int32),
            labels=token_labels(text.labels, tokens.start, tokens.end),
            char_start=tokens.start.astype(np.int32),
            char_end=tokens.end.astype(np.int32),
            scored=scored,
            **spread,
            n_bytes=bytes_of_tokens(encoded.text, tokens.start, tokens.end),
            k=text.k,
            short_context=short_context(encoded.plan),
            signature=self.signature | {"k": text.k},
        )


def _name(requests: list[Any], i: int) -> str:
    return str(requests[i].doc.get("id", i))


def _spread(values: np.ndarray, positions: np.ndarray, n_tokens: int, missing: float) -> np.ndarray:
    """(n_tokens, ...): the values at their positions; `missing` at all others."""
    spread = np.full((n_tokens, *values.shape[1:]), missing, values.dtype)
    spread[positions] = values
    return spread
