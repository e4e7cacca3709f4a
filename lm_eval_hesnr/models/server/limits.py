"""How large an answer may be, computed from its request. A server may be broken or hostile."""

from __future__ import annotations

from typing import NamedTuple

_BYTES_PER_CANDIDATE = 512
"""vLLM writes about 80 bytes for one candidate of one token, with its text."""

_VALUES_PER_CANDIDATE = 16
"""vLLM writes an object of three values for one candidate, and its text may contain commas or brackets."""

_LEAST_BYTES, _LEAST_VALUES = 2**24, 500_000
"""Every answer may have this size, for example a list of thousands of models."""


class Limits(NamedTuple):
    """The largest size of one answer."""

    n_bytes: int
    """After decompression."""
    n_values: int
    """JSON values. In Python, the shortest ones need 20 times the memory of their text."""

    @classmethod
    def of_request(cls, n_tokens: int, k: int) -> Limits:
        """The limits for an answer about `n_tokens` tokens, each with k top tokens and the token itself."""
        n_candidates = n_tokens * (k + 1)
        return cls(
            _LEAST_BYTES + n_candidates * _BYTES_PER_CANDIDATE, _LEAST_VALUES + n_candidates * _VALUES_PER_CANDIDATE
        )

    def has_too_many_values(self, content: bytes | bytearray) -> bool:
        """Whether JSON may have more values than allowed: each value has a comma or an opening bracket before it."""
        return content.count(b",") + content.count(b"[") + content.count(b"{") > self.n_values
