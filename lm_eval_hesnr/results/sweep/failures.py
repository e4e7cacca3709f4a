"""The failures of one call: which checkpoint is tried again, and when, and whether all fail for the same reason."""

from __future__ import annotations

import re
from pathlib import Path

from lm_eval_hesnr.results.sweep.checkpoint import Checkpoint

SAME_REASON = 3
"""So many checkpoints that fail one after the other for the same reason, also in their retries, end the sweep."""
RETRY_AFTER = (60.0, 600.0)
"""Seconds after which `--watch` tries a failed checkpoint again."""


class Failures:
    """Counts the failures of each checkpoint."""

    def __init__(self, *, retries: bool) -> None:
        """Count from 0.

        Args:
            retries: whether a failed checkpoint is tried again.
        """
        self._waits = RETRY_AFTER if retries else ()
        self._n: dict[str, int] = {}
        self._again_at: dict[str, float] = {}
        self._reasons: list[str] = []

    def add(self, checkpoint: Checkpoint, reason: str, now: float) -> float | None:
        """Count a failure. The result is the number of seconds until the next attempt; None if there is none."""
        n = self._n[checkpoint.name] = self._n.get(checkpoint.name, 0) + 1
        if n > len(self._waits):
            if n == len(self._waits) + 1:  # a failure that a retry can mend says nothing about the others
                self._reasons.append(_without_names(reason, checkpoint))
            return None
        self._again_at[checkpoint.name] = now + self._waits[n - 1]
        return self._waits[n - 1]

    def clear(self, checkpoint: Checkpoint) -> None:
        """Forget the failures after a success of this checkpoint."""
        self._reasons.clear()
        self._n.pop(checkpoint.name, None)

    def is_final(self, checkpoint: Checkpoint) -> bool:
        """Whether a checkpoint has failed and is not tried again in this call."""
        return self._n.get(checkpoint.name, 0) > len(self._waits)

    def waits(self, checkpoint: Checkpoint, now: float) -> bool:
        """Whether the next attempt is not due yet."""
        return self._again_at.get(checkpoint.name, 0.0) > now

    @property
    def are_all_alike(self) -> bool:
        """Whether the last `SAME_REASON` checkpoints failed for the same reason, without a success between them."""
        last = self._reasons[-SAME_REASON:]
        return len(last) == SAME_REASON and len(set(last)) == 1


def _without_names(reason: str, checkpoint: Checkpoint) -> str:
    """The reason without what names this checkpoint."""
    for text in (checkpoint.source, checkpoint.pretrained, Path(checkpoint.pretrained).name, checkpoint.name):
        reason = reason.replace(text, "*")
    return re.sub(r"\d+", "*", reason)
