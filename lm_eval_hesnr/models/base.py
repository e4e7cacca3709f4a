"""What every model wrapper shares: requests that carry labels go in, `TokenScores` come out.

A wrapper is `class MyTopK(TrajectoryModel, TheHarnessModel)` and says how its engine reads tokens: one method from
tokens and wanted positions to arrays. Task, store, windows and metrics never learn which engine ran.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from lm_eval.api.model import LM
from tqdm import tqdm

from lm_eval_hesnr.assets import EMBEDDED_MODEL
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.labels import Label
from lm_eval_hesnr.scoring.fingerprints import fingerprint_of_tokenizer
from lm_eval_hesnr.scoring.request import LabelledText, TrajectoryResult
from lm_eval_hesnr.scoring.statistics import Statistics
from lm_eval_hesnr.scoring.store import ScoreStore, resumable
from lm_eval_hesnr.scoring.token_scores import TokenScores, token_labels
from lm_eval_hesnr.scoring.tokens import TrajectoryTokenizer
from lm_eval_hesnr.scoring.windows import Window, plan_windows, short_context

eval_logger = logging.getLogger("lm_eval.hesnr")


def embedded_model(options: dict[str, Any]) -> str:
    """The embedded tiny model's folder, said in one warning; float32 unless the options say otherwise."""
    eval_logger.warning(
        "no pretrained= in --model_args: using the embedded tiny model, whose numbers say nothing of yours"
    )
    if options.get("dtype") in (None, "auto"):
        options["dtype"] = "float32"
    return str(EMBEDDED_MODEL)


class Reading(NamedTuple):
    """One run of an engine: it reads `ids[window.start : window.end]` and scores `window.positions`."""

    ids: np.ndarray
    """(T,) int64, the whole trajectory."""
    window: Window
    k: int

    @property
    def prompt(self) -> list[int]:
        """The tokens to read, the last wanted one included."""
        tokens: list[int] = self.ids[self.window.start : self.window.end].tolist()
        return tokens

    @property
    def rows(self) -> np.ndarray:
        """(R,) int64: where in the prompt the wanted tokens stand; each is at least 1."""
        return self.window.positions - self.window.start


class Encoded(NamedTuple):
    """A trajectory's tokens."""

    ids: np.ndarray
    """(T,) int64."""
    start: np.ndarray
    """(T,) int64, first character."""
    end: np.ndarray
    """(T,) int64, one past the last character."""
    plan: list[Window]
    """Empty where no token is to be scored."""

    @property
    def positions(self) -> np.ndarray:
        """(n,) int64: the wanted tokens, in the order in which the plan reads them."""
        return np.concatenate([np.empty(0, np.int64), *(window.positions for window in self.plan)])


_NO_STATISTICS = Statistics(*(np.empty(0, kind) for kind in (np.float32, np.float32, np.int32, np.float32)))


class TrajectoryModel(LM):
    """Scores requests that carry labels and leaves all others to the harness's model that stands behind it.

    A wrapper sets `score_store` and `_given_stride`, and defines `model_name`, `signature`, `_window` and one of
    `_statistics` and `_read`.
    """

    score_store: str | None = None
    """Folder that scores are read from and written to, see `scoring.store`."""
    _given_stride: int | None = None
    add_bos_token: bool | None = None
    tokenizer: Any
    _bar: Any
    """The progress bar over the tokens that the engine reads, those of overlapping windows each time."""
    _n_ahead = 0
    """Tokens of a window that is not read to its end yet and that the bar knows of."""

    def loglikelihood(self, requests: list[Any], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """As the harness's model for requests of plain strings; a `TrajectoryResult` for each that carries labels."""
        labelled = [request for request in requests if isinstance(request.args[1], LabelledText)]
        if not labelled:
            answers: list[tuple[float, bool]] = super().loglikelihood(requests, disable_tqdm=disable_tqdm)
            return answers
        plain = [request for request in requests if not isinstance(request.args[1], LabelledText)]
        others = iter(super().loglikelihood(plain, disable_tqdm=disable_tqdm) if plain else [])
        # the harness pads short ranks by repeating a request object: score it once
        unique = {id(request): request for request in labelled}
        with resumable(self.score_store):
            results = dict(zip(unique, self._score_trajectories(list(unique.values()), disable_tqdm), strict=True))
        return [results[id(request)] if id(request) in results else next(others) for request in requests]

    @property
    def model_name(self) -> str:
        """What the model is called in messages and signatures."""
        raise NotImplementedError

    @property
    def signature(self) -> dict[str, Any]:
        """What of this model determines the scores."""
        raise NotImplementedError

    @property
    def _window(self) -> int:
        """Tokens that the engine can read at once, the last wanted one included."""
        raise NotImplementedError

    def _read(self, readings: Sequence[Reading]) -> Iterator[tuple[int, Statistics]]:
        """The index of each reading with the statistics of its wanted tokens, in any order, as soon as each is done."""
        for i, reading in enumerate(readings):
            yield i, self._statistics(reading)

    def _statistics(self, reading: Reading) -> Statistics:
        """Statistics of one reading's wanted tokens, for an engine that does one at a time."""
        raise NotImplementedError

    @property
    def _settings(self) -> dict[str, Any]:
        """What of the signature, and beside it, the score store tells runs apart by."""
        return self.signature

    def _fingerprint_of_weights(self) -> str | None:
        """A digest of the model's content for the score store; None where nobody can look into the engine."""
        return None

    @cached_property
    def stride(self) -> int:
        """Tokens between windows over a trajectory longer than the model's context; half a window if not given."""
        window = self._window
        if window < 2:
            raise InputError(
                f"{self.model_name}: its context leaves {window} tokens to a window, expected at least 2; give a "
                "larger max_length= in --model_args"
            )
        if self._given_stride is None:
            return window // 2
        if self._given_stride >= window:
            raise InputError(f"stride={self._given_stride}: expected a number of tokens from 1 to {window - 1}")
        return self._given_stride

    @cached_property
    def _tokenizer_digest(self) -> str | None:
        """What the tokenizer is by its content: checkpoints keep copies of one in folders of their own."""
        digest = fingerprint_of_tokenizer(self.tokenizer)
        return digest and digest[:16]

    @cached_property
    def _trajectory_tokenizer(self) -> TrajectoryTokenizer:
        return TrajectoryTokenizer(self.tokenizer, name=self.model_name, add_bos_token=self.add_bos_token)

    def _score_trajectories(self, requests: list[Any], disable_tqdm: bool) -> list[TrajectoryResult]:
        encoded = [self._encode(request) for request in requests]
        self._say_windows(requests, encoded)
        store = self._store()
        results: list[Any] = [None] * len(requests)

        def finish(i: int, scores: TokenScores) -> None:
            text: LabelledText = requests[i].args[1]
            if store and encoded[i].plan:
                store.write(_name(requests, i), scores, render="chat" if text.has_template else "transcript")
            if text.token_table:
                text.token_table.write(scores)
            results[i] = TrajectoryResult(scores)

        missing = []
        for i in sorted(range(len(requests)), key=lambda i: -len(encoded[i].ids)):  # longest first: fail early
            text = requests[i].args[1]
            if not encoded[i].plan:
                finish(i, self._token_scores(encoded[i], text, _NO_STATISTICS, name=_name(requests, i)))
            elif (scores := self._stored(store, encoded[i], text)) is not None:
                finish(i, scores)
            else:
                missing.append(i)
        texts = [requests[i].args[1] for i in missing]
        self._n_ahead = 0  # an interrupted call may have left some
        with (
            tqdm(
                total=sum(window.n_tokens for i in missing for window in encoded[i].plan),
                unit="tok",
                unit_scale=True,
                desc="Scoring trajectories",
                disable=disable_tqdm or self.rank != 0,
            ) as self._bar,
            closing(self._score([encoded[i] for i in missing], texts)) as scored,
        ):
            for j, statistics in scored:
                i = missing[j]
                finish(i, self._token_scores(encoded[i], texts[j], statistics, name=_name(requests, i)))
        if store:
            eval_logger.info(
                "score store %s: %d of %d trajectories read, %d scored", self.score_store,
                store.n_read, len(requests), len(requests) - store.n_read,
            )  # fmt: skip
        return results

    def _store(self) -> ScoreStore | None:
        """The score store of the model as it is now: a training loop may have changed it since the last call."""
        if self.score_store is None:
            return None
        return ScoreStore(
            self.score_store,
            self._settings,
            weights=self._fingerprint_of_weights(),
            tokenizer=fingerprint_of_tokenizer(self.tokenizer),
        )

    def _stored(self, store: ScoreStore | None, encoded: Encoded, text: LabelledText) -> TokenScores | None:
        """What the store has of exactly the wanted positions, with the labels of this run."""
        stored = store.read(encoded.ids, encoded.positions, text.k) if store else None
        return stored and replace(
            stored,
            labels=token_labels(text.labels, encoded.start, encoded.end),
            char_start=encoded.start.astype(np.int32),
            char_end=encoded.end.astype(np.int32),
            short_context=short_context(encoded.plan),
            signature=self.signature | {"k": text.k},
        )

    def _encode(self, request: Any) -> Encoded:
        context, text = request.args
        whole = "".join((context, text))
        template = text.labels == Label.TEMPLATE if text.has_template else None
        ids, start, end = self._trajectory_tokenizer(whole, template)
        running = np.concatenate([[0], np.cumsum(text.wanted)])
        wanted = np.flatnonzero(running[end] > running[start])
        wanted = wanted[wanted > 0]  # nothing predicts the first token
        if not len(wanted):
            eval_logger.warning("%s: no token to score, it is nothing but context", request.doc.get("id"))
            return Encoded(ids, start, end, [])
        return Encoded(ids, start, end, list(plan_windows(wanted, self._window, self.stride)))

    def _say_windows(self, requests: list[Any], encoded: list[Encoded]) -> None:
        windowed = [one for one in encoded if len(one.plan) > 1]
        if windowed:
            short = sum(short_context(one.plan) for one in windowed)
            scored = sum(len(window.positions) for one in encoded for window in one.plan)
            eval_logger.warning(
                "%d of %d trajectories are longer than the model's context of %d tokens: windows with stride %d, "
                "%d of %d tokens (%.1f %%) are scored with less than everything before them",
                len(windowed), len(requests), self._window, self.stride, short, scored, 100 * short / scored,
            )  # fmt: skip

    def _score(self, encoded: list[Encoded], texts: list[LabelledText]) -> Generator[tuple[int, Statistics]]:
        """The index of each trajectory with the statistics of all its windows, as soon as the last one is read."""
        owners = [(i, n) for i, one in enumerate(encoded) for n in range(len(one.plan))]
        readings = [Reading(encoded[i].ids, encoded[i].plan[n], texts[i].k) for i, n in owners]
        parts: dict[int, dict[int, Statistics]] = {}
        if not readings:
            return
        for r, statistics in self._read(readings):
            self._say_read(readings[r].window.n_tokens - self._n_ahead)
            self._n_ahead = 0
            i, n = owners[r]
            own = parts.setdefault(i, {})
            own[n] = statistics
            if len(own) == len(encoded[i].plan):
                del parts[i]
                columns = zip(*(own[n] for n in range(len(own))), strict=True)
                yield i, Statistics(*(np.concatenate(column) for column in columns))

    def _say_read(self, n_tokens: int) -> None:
        """Tell the progress bar of tokens that the engine has read, some of a window perhaps."""
        self._bar.update(n_tokens)
        self._n_ahead += n_tokens

    def _token_scores(self, encoded: Encoded, text: LabelledText, statistics: Statistics, name: str) -> TokenScores:
        positions = encoded.positions
        broken = positions[~(np.isfinite(statistics.logprob) & np.isfinite(statistics.entropy))]
        if len(broken):
            dtype = self.signature.get("dtype") or "the server's"
            raise InputError(
                f"{name}: {self.model_name} gives no finite logprob at token {broken[0]} (and {len(broken) - 1} more); "
                f"try another dtype than {dtype}"
            )
        n_tokens = len(encoded.ids)
        logprob, entropy, rank, top_mass = (_spread(column, positions, n_tokens) for column in statistics)
        scored = np.zeros(n_tokens, bool)
        scored[positions] = True
        return TokenScores(
            token_ids=encoded.ids.astype(np.int32),
            labels=token_labels(text.labels, encoded.start, encoded.end),
            char_start=encoded.start.astype(np.int32),
            char_end=encoded.end.astype(np.int32),
            scored=scored,
            logprob=logprob,
            entropy=entropy,
            rank=rank,
            top_mass=top_mass,
            k=text.k,
            short_context=short_context(encoded.plan),
            signature=self.signature | {"k": text.k},
        )


def _name(requests: list[Any], i: int) -> str:
    return str(requests[i].doc.get("id", i))


def _spread(values: np.ndarray, positions: np.ndarray, n_tokens: int) -> np.ndarray:
    """(n_tokens,): the values at their positions; NaN, or 0 for integers, elsewhere."""
    missing = np.nan if values.dtype.kind == "f" else 0
    spread = np.full(n_tokens, missing, values.dtype)
    spread[positions] = values
    return spread
