"""One trajectory as a `loglikelihood` request of the harness, and the result of that request.

The harness passes two strings and expects `(logprob, is_greedy)`. So the continuation is a string with labels as
attributes, and the result is a pair with arrays as an attribute.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from lm_eval_hesnr.errors import NEEDS_OUR_MODEL, InputError
from lm_eval_hesnr.messages.characters import visible
from lm_eval_hesnr.scoring.statistics import NO_EXTRAS, Extras
from lm_eval_hesnr.scoring.token_scores import TokenScores
from lm_eval_hesnr.scoring.token_table import TokenTableFile


class RequestText(str):
    """A text of a request. The model gets it as it is; what the harness prints of it is safe for a terminal."""

    def __format__(self, spec: str) -> str:
        """The whole text with escapes, because --write_out prints the context of the first trajectory."""
        return format(visible(self), spec)

    def __repr__(self) -> str:
        """The first characters and the length, because --write_out prints requests and a run has up to megabytes."""
        return f"<{self[:80]!r}... {len(self)} characters>"

    def __reduce__(self) -> tuple[type, tuple[str]]:
        """Pickle as a plain string, because the harness gathers requests only to log them."""
        return str, (str(self),)


class LabelledText(RequestText):
    """The continuation of a request: the trajectory's text after the leading system and task text."""

    labels: np.ndarray
    """(characters of context + continuation,) uint8, values of `Label`."""
    to_score: np.ndarray
    """(characters of context + continuation,) bool: a token is scored if this is true for one of its characters."""
    k: int
    """Size of the candidate set."""
    has_template: bool
    """Whether a chat template wrote control tokens into the text. If not, no text may become a control token."""
    extras: Extras
    """The optional statistics to record."""
    token_table: TokenTableFile | None
    """The file for the token table; None for no table. The model writes it when the trajectory is scored, so an
    interrupted run keeps the finished tables."""

    def __new__(
        cls,
        text: str,
        *,
        labels: np.ndarray,
        to_score: np.ndarray,
        k: int,
        has_template: bool,
        extras: Extras = NO_EXTRAS,
        token_table: TokenTableFile | None = None,
    ) -> LabelledText:
        """Create the string and set the attributes."""
        self = super().__new__(cls, text)
        self.labels, self.to_score, self.k = labels, to_score, k
        self.has_template, self.extras, self.token_table = has_template, extras, token_table
        return self

    def __radd__(self, context: str) -> NoReturn:
        """Stop a stock model before it scores. It would join context and continuation, and ignore the labels."""
        raise InputError(NEEDS_OUR_MODEL)


class TrajectoryResult(tuple[float, bool]):
    """The pair `(logprob, is_greedy)` over the scored tokens, as the harness expects it, with the per-token scores."""

    scores: TokenScores
    notes: tuple[str, ...] = ()
    """What the model reports about the call, for the end of the run: one line each."""

    def __new__(cls, scores: TokenScores) -> TrajectoryResult:
        """Compute the pair from the scores."""
        logprob = float(scores.logprob[scores.scored].sum(dtype=np.float64))
        self = super().__new__(cls, (logprob, bool((scores.rank[scores.scored] == 1).all())))
        self.scores = scores
        return self

    def __reduce__(self) -> tuple[type, tuple[tuple[Any, ...]]]:
        """Pickle as a plain pair, so that token arrays are not sent to other ranks or into the harness's cache."""
        return tuple, (tuple(self),)
