"""The request that carries one trajectory through the harness, and the answer that comes back.

The harness knows `loglikelihood` requests of two strings and answers of `(logprob, is_greedy)`. Both are kept: the
continuation is a string that also carries labels, the answer a pair that also carries arrays.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.scoring.token_scores import TokenScores
from lm_eval_hesnr.scoring.token_table import TokenTableFile


class LabelledText(str):
    """The continuation of a trajectory's request: what comes after the leading system and task text."""

    labels: np.ndarray
    """(characters of context + continuation,) uint8, values of `Label`."""
    wanted: np.ndarray
    """(characters of context + continuation,) bool: a token is scored if one of its characters is wanted."""
    k: int
    """Size of the candidate set."""
    has_template: bool
    """Whether a chat template wrote control tokens into the text; otherwise none may be read out of it."""
    token_table: TokenTableFile | None
    """The model writes it as soon as the trajectory is scored, so that an interrupted run keeps what it has."""

    def __new__(
        cls,
        text: str,
        *,
        labels: np.ndarray,
        wanted: np.ndarray,
        k: int,
        has_template: bool,
        token_table: TokenTableFile | None = None,
    ) -> LabelledText:
        """A string with what the fields say."""
        self = super().__new__(cls, text)
        self.labels, self.wanted, self.k = labels, wanted, k
        self.has_template, self.token_table = has_template, token_table
        return self

    def __reduce__(self) -> tuple[type, tuple[str]]:
        """A plain string: the harness gathers requests only to log them."""
        return str, (str(self),)

    def __radd__(self, context: str) -> NoReturn:
        """Stock models join context and continuation before they tokenize: stop them before they score 500 of these."""
        raise InputError(
            "swe_hesnr needs a model that scores whole trajectories, and this one does not: use --model hf-topk "
            "(or vllm-topk, completions-topk)"
        )


class TrajectoryResult(tuple[float, bool]):
    """A `(logprob, is_greedy)` pair over the scored tokens, as the harness expects, with the arrays behind it."""

    scores: TokenScores

    def __new__(cls, scores: TokenScores) -> TrajectoryResult:
        """The pair that the arrays make."""
        logprob = float(scores.logprob[scores.scored].sum(dtype=np.float64))
        self = super().__new__(cls, (logprob, bool((scores.rank[scores.scored] == 1).all())))
        self.scores = scores
        return self

    def __reduce__(self) -> tuple[type, tuple[tuple[Any, ...]]]:
        """A plain pair: token arrays never leave the process, neither to another rank nor into the harness's cache."""
        return tuple, (tuple(self),)
