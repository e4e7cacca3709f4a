"""The entropy profile: a histogram over entropy of one document in one scope. Every measure is a function of it.

The sum of the profiles of several documents is the profile of all of them. It is the same for any order (except for
rounding) and any number of processes. Epsilon and ln n are exact edges (`metrics.edges` defines all edges). So measures
from a profile equal measures from the tokens.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from lm_eval_hesnr.metrics.edges import EPSILON, SAME, profile_edges
from lm_eval_hesnr.metrics.temperatures import ByTemperature, by_temperature

FORMAT = "hesnr-profile"
VERSION = 2

SUMS = (
    "tokens", "top_k", "rank_1", "nll", "nll_top_k", "snr", "entropy", "top_mass", "q_snr", "self_snr", "bytes",
)  # fmt: skip
"""The columns of a bin. Counts: `tokens` (all tokens), `top_k` (tokens with rank <= k), `rank_1` (tokens with rank =
1), `bytes` (of all tokens, in UTF-8). Sums over all tokens: `nll` (-logprob), `entropy`, `top_mass`, `self_snr`
(collision / entropy). Sums over tokens with rank <= k: `nll_top_k` (-logprob), `snr` (p / entropy), `q_snr` (p /
top_mass / entropy). A sum over statistics that are not known is NaN."""
_SUMS_OF_VERSION_1 = SUMS[:8]


@dataclass(frozen=True, slots=True)
class EntropyProfile:
    """Counts and sums per entropy bin. `a + b` is the profile of both; adding `EntropyProfile.zero(...)` has no effect.

    `a + b` and `b + a` are equal to the last bit. Counts are exact in any order. Sums of floats are rounded, so add
    documents in the same order to get the same bytes.
    """

    edges: np.ndarray
    """(B + 1,) float64, ascending, nats. Bin i is (edges[i], edges[i + 1]], half open; the first contains exact
    zeros."""
    sums: np.ndarray
    """(B, len(SUMS)) float64, columns as in `SUMS`."""
    by_temperature: ByTemperature | None = None
    """What is known about other temperatures; None if the run did not record it."""

    @classmethod
    def zero(cls, k: int, epsilon: float = EPSILON) -> EntropyProfile:
        """The profile of no tokens."""
        edges = profile_edges(k, epsilon)
        return cls(edges, np.zeros((len(edges) - 1, len(SUMS))))

    @classmethod
    def of_tokens(
        cls,
        logprob: np.ndarray,
        entropy: np.ndarray,
        rank: np.ndarray,
        top_mass: np.ndarray,
        collision: np.ndarray | None = None,
        n_bytes: np.ndarray | None = None,
        log_z: np.ndarray | None = None,
        top_logits: np.ndarray | None = None,
        *,
        k: int,
        epsilon: float = EPSILON,
    ) -> EntropyProfile:
        """The profile of n tokens.

        Args:
            logprob: (n,) nats; minus infinity means a probability of 0.
            entropy: (n,) nats, of the k most likely tokens.
            rank: (n,) int.
            top_mass: (n,) probability of the k most likely tokens.
            collision: (n,) sum of the squared probabilities of the k most likely tokens; None or NaN if not known.
            n_bytes: (n,) bytes of each token in UTF-8; None or NaN if not known.
            log_z: (n, G) ln Z at each temperature of the grid; None if not known.
            top_logits: (n, k) logits of the candidates, as for `by_temperature`; None if not known.
            k: size of the candidate set.
            epsilon: a threshold in nats; it becomes an exact edge.

        Raises:
            ValueError: a statistic is not a number.
        """
        for name, column in (("entropy", entropy), ("top_mass", top_mass)):
            _refuse(name, column, ~np.isfinite(column))
        _refuse("logprob", logprob, np.isnan(logprob))
        edges = profile_edges(k, epsilon)
        nll = -logprob.astype(np.float64)
        entropy = entropy.astype(np.float64)
        in_top_k = rank <= k
        p, unknown = np.exp(-nll), np.full_like(nll, np.nan)
        snr = _ratio(p, entropy, in_top_k)
        q_snr = _ratio(snr, top_mass, in_top_k)
        self_snr = _ratio(unknown if collision is None else collision, entropy, True)
        nll_top_k = np.where(in_top_k, nll, 0.0)  # not a product: infinity times 0 is not a number
        values = (
            np.ones_like(nll), in_top_k, rank == 1, nll, nll_top_k, snr, entropy, top_mass, q_snr, self_snr,
            unknown if n_bytes is None else n_bytes,
        )  # fmt: skip
        # clip only the bin, not the value: float32 can round past ln k
        bins = np.searchsorted(edges, np.clip(entropy, 0.0, edges[-1]), side="left") - 1
        columns = [np.bincount(bins, weights=value, minlength=len(edges) - 1) for value in values]
        warmer = None
        if log_z is not None and top_logits is not None:
            warmer = by_temperature(logprob, rank, log_z, top_logits, k=k, epsilon=epsilon)
        return cls(edges, np.stack(columns, axis=1), warmer)

    def __add__(self, other: EntropyProfile) -> EntropyProfile:
        if not np.array_equal(self.edges, other.edges):
            raise ValueError("profiles with different k or epsilon cannot be added: their bins differ")
        known = self.by_temperature is not None or other.by_temperature is not None
        both = self.temperatures + other.temperatures if known else None
        return EntropyProfile(self.edges, self.sums + other.sums, both)

    @property
    def temperatures(self) -> ByTemperature:
        """`by_temperature`. If the run did not record it, its sums are 0 without tokens, and NaN if there are some."""
        if self.by_temperature is not None:
            return self.by_temperature
        return ByTemperature.filled(np.nan if self.sums[:, 0].any() else 0.0)

    def above(self, epsilon: float) -> np.ndarray:
        """(len(SUMS),): the sums over tokens with entropy > epsilon.

        Raises:
            ValueError: epsilon is not an edge; the nearest edges are named.
        """
        i = int(np.searchsorted(self.edges, epsilon))
        if i == len(self.edges) or self.edges[i] != epsilon:
            near = ", ".join(f"{edge:.6f}" for edge in self.edges[max(i - 1, 0) : i + 1])
            raise ValueError(f"epsilon {epsilon} is not an edge of this profile; the nearest are {near}")
        return self.sums[i:].sum(axis=0)

    def up_to(self, entropies: np.ndarray) -> np.ndarray:
        """(n, len(SUMS)): the sums over tokens with entropy <= each of (n,) values.

        Each value is an edge (within 1e-9 nats). Below 0 the sums are 0; above ln k they cover all tokens.

        Raises:
            ValueError: a value between 0 and ln k is not an edge.
        """
        i = np.searchsorted(self.edges, entropies - SAME)  # bins below edge i are the first i
        last = len(self.edges) - 1
        inside = (entropies >= -SAME) & (entropies <= self.edges[-1])
        if (np.abs(self.edges[np.minimum(i, last)] - entropies) > SAME)[inside].any():
            raise ValueError(f"not all of {entropies.tolist()} are edges of this profile")
        cumulative = np.concatenate([np.zeros((1, len(SUMS))), np.cumsum(self.sums, axis=0)])
        return np.asarray(cumulative[np.where(entropies < -SAME, 0, np.minimum(i, last))])

    def to_json(self) -> dict[str, Any]:
        """A dictionary for `json.dumps`, with a version: the edges, and one row per bin that is not empty.

        With `from_json`, it is for users who store profiles or add them in another process. The package pickles them.
        """
        filled = np.flatnonzero(self.sums.any(axis=1))
        rows = [[int(i), *_as_json(self.sums[i])] for i in filled]
        data = {"format": FORMAT, "version": VERSION, "sums": list(SUMS), "edges": self.edges.tolist(), "bins": rows}
        if self.by_temperature is not None:
            data["by_temperature"] = [_as_json(row) for row in self.by_temperature.sums]
            data["crossings"] = self.by_temperature.crossings.tolist()
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> EntropyProfile:
        """The profile from which `to_json` made the dictionary, equal bit for bit.

        Raises:
            ValueError: another format or version, or other columns.
        """
        found = (data.get("format"), data.get("version"), tuple(data.get("sums", ())))
        if found not in ((FORMAT, VERSION, SUMS), (FORMAT, 1, _SUMS_OF_VERSION_1)):
            raise ValueError(f"expected {FORMAT} version {VERSION}, found {found[0]!r} version {found[1]!r}")
        edges = np.array(data["edges"], np.float64)
        sums = np.zeros((len(edges) - 1, len(SUMS)))
        for i, *row in data["bins"]:
            sums[i] = np.nan
            sums[i, : len(row)] = row  # None becomes NaN
        if data.get("crossings") is None:
            return cls(edges, sums)
        crossings = np.array(data["crossings"], np.float64).reshape(-1, 3)
        return cls(edges, sums, ByTemperature(np.array(data["by_temperature"], np.float64), crossings))

    def __str__(self) -> str:
        """A short text, because the harness writes `str` of filtered answers into its sample files."""
        return f"EntropyProfile({int(self.sums[:, 0].sum())} tokens)"

    __repr__ = __str__


def _ratio(above: np.ndarray, below: np.ndarray, where: np.ndarray | bool) -> np.ndarray:
    """Above / below where the condition is true and `below` is not 0; 0 elsewhere."""
    return np.divide(above, below, out=np.zeros(len(below)), where=where & (below > 0))


def _as_json(row: np.ndarray) -> list[float | None]:
    return [None if np.isnan(x) else x for x in row.tolist()]


def pooled(profiles: Sequence[EntropyProfile]) -> EntropyProfile:
    """The profile of all documents together. There must be at least one document."""
    return reduce(operator.add, profiles)


def _refuse(name: str, column: np.ndarray, bad: np.ndarray) -> None:
    if bad.any():
        first = int(bad.argmax())
        raise ValueError(
            f"{name} is not a number for {bad.sum()} of {len(column)} tokens (token {first}: {column[first]}); "
            "pass only scored tokens, or try another dtype for the model if these are scored"
        )
