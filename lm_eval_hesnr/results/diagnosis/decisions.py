"""The decisions of one run, from its token tables. A table is read once, and only the columns that this needs."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lm_eval_hesnr.labels import Label
from lm_eval_hesnr.scoring.table_columns import COLUMNS, arrays_of
from lm_eval_hesnr.scoring.table_file import damage_as_value_error, read_file
from lm_eval_hesnr.scoring.token_scores import digest_of, is_above, snr_of

_COLUMNS = [column for column in COLUMNS if column.name in ("token_id", "label", "logprob", "entropy", "rank")]
_RUNS_IN_MEMORY = 16
"""A diagnosis compares each run with the next one, and the first with the last. A decision needs 17 bytes."""


class Decisions(NamedTuple):
    """The D decisions of one document, in the order of its n tokens."""

    digest: str
    """The digest of its token ids."""
    name: str
    n_tokens: int
    positions: np.ndarray
    """(D,) int32."""
    labels: np.ndarray
    """(D,) uint8."""
    entropy: np.ndarray
    """(D,) float32, nats."""
    snr: np.ndarray
    """(D,) float64, 1/nat."""

    def in_scope(self, labels: frozenset[Label], epsilon: float) -> tuple[np.ndarray, np.ndarray]:
        """For each token p / entropy, (n,) float64, and whether it is a decision of a scope, (n,) bool.

        Args:
            labels: those of the scope.
            epsilon: nats, at least the one that the decisions were read with.
        """
        chosen = np.isin(self.labels, [int(label) for label in labels]) & is_above(self.entropy, epsilon)
        snr, is_in = np.zeros(self.n_tokens), np.zeros(self.n_tokens, bool)
        snr[self.positions[chosen]], is_in[self.positions[chosen]] = self.snr[chosen], True
        return snr, is_in


def read_decisions(folder: Path, epsilon: float, n_documents: int) -> tuple[Decisions, ...] | None:
    """The decisions of each document in a folder with token tables, ordered by digest and name.

    Args:
        folder: the folder.
        epsilon: nats; smaller entropies are no decisions.
        n_documents: how many there should be.

    Returns:
        None if there are fewer or more tables, or one cannot be read.
    """
    try:
        paths = sorted(folder.glob("*.parquet"))
        statuses = [path.stat() for path in paths]
    except OSError:
        return None
    if len(paths) != n_documents:
        return None
    return _read(tuple(paths), epsilon, tuple((status.st_mtime_ns, status.st_size) for status in statuses))


@lru_cache(maxsize=_RUNS_IN_MEMORY)
def _read(
    paths: tuple[Path, ...], epsilon: float, times_and_sizes: tuple[tuple[int, int], ...]
) -> tuple[Decisions, ...] | None:
    try:
        return tuple(sorted((_document(path, epsilon) for path in paths), key=lambda one: (one.digest, one.name)))
    except ValueError:
        return None


def _document(path: Path, epsilon: float) -> Decisions:
    file = read_file(path, _COLUMNS)
    with damage_as_value_error():
        arrays = arrays_of(file.columns, file.k, _COLUMNS)
    entropy = arrays["entropy"]
    positions = np.flatnonzero(arrays["scored"] & is_above(entropy, epsilon) & (arrays["rank"] <= file.k))
    return Decisions(
        digest_of(arrays["token_ids"]),
        file.name,
        len(entropy),
        positions.astype(np.int32),
        arrays["labels"][positions],
        entropy[positions],
        snr_of(arrays["logprob"][positions], entropy[positions]),
    )
