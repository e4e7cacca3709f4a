"""The unit of work of an engine: one window of a trajectory, with the tokens to score in it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lm_eval_hesnr.scoring.statistics import NO_EXTRAS, Extras
from lm_eval_hesnr.scoring.tokens import Tokens
from lm_eval_hesnr.scoring.windows import Window


class WindowRequest(NamedTuple):
    """One window: the engine reads `ids[window.start : window.end]` and scores the tokens at `window.positions`."""

    ids: np.ndarray
    """(T,) int64, the whole trajectory."""
    window: Window
    k: int
    """Size of the candidate set."""
    extras: Extras = NO_EXTRAS
    """The optional statistics to compute."""

    @property
    def prompt(self) -> list[int]:
        """The token ids of the window. The last one is the last token to score."""
        tokens: list[int] = self.ids[self.window.start : self.window.end].tolist()
        return tokens

    @property
    def rows(self) -> np.ndarray:
        """(R,) int64: the indices in `prompt` of the tokens to score; each is at least 1."""
        return self.window.positions - self.window.start


class EncodedTrajectory(NamedTuple):
    """A trajectory's tokens, and the windows in which they are scored."""

    text: str
    """The whole text, context and continuation."""
    tokens: Tokens
    plan: list[Window]
    """Empty if there is no token to score."""

    @property
    def positions(self) -> np.ndarray:
        """(n,) int64: the positions to score, in the order of the windows."""
        return np.concatenate([np.empty(0, np.int64), *(window.positions for window in self.plan)])

    @property
    def n_tokens_to_read(self) -> int:
        """The sum of the window lengths: where windows overlap, a token counts once for each of them."""
        return sum(window.n_tokens for window in self.plan)
