"""One trajectory as the page contains it: base64 of gzip of arrays, little endian. n is the number of tokens.

| part | arrays |
|---|---|
| head | u16 n_checkpoints, u16 flags, u32 n |
| with flag `TEXT` | u32 length[n]: UTF-16 units of each token |
| labels | u8 label[n] |
| each checkpoint | u16 surprisal[n]: -ln p in 1/2048 nats, at most 65534; 65535 where not scored |
| | u16 entropy[n], in ln k / 65535 |
| | u8 rank[n], at most 255; 0 where not scored |
| | u8 decision[ceil(n / 8)]: bits, the lowest first, from the exact values |
| with flag `CANDIDATES`, each checkpoint | u32 m, u32 position[m], u32 token_id[m * k] |
| | u8 surprisal[m * k], in 1/16 nat, at most 255 |
| with flag `TEXT` | UTF-8: the characters of all tokens |
"""

from __future__ import annotations

import base64
import gzip
import math
import re
import struct
from collections.abc import Sequence

import numpy as np

from lm_eval_hesnr.scoring.token_scores import TokenScores

TEXT, CANDIDATES = 1, 2
"""Flags."""
SURPRISAL_UNIT, CANDIDATE_UNIT = 2048, 16
"""Parts of a nat."""
NOT_SCORED = 65535

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Characters that have no width, or that change the order or the lines of the text around them."""


def shown_texts(texts: Sequence[str]) -> list[str]:
    r"""The texts with an escape, such as `\x1b`, for every control character except tabs and line ends."""
    if _CONTROL.search("".join(texts)) is None:  # one search is quicker than many replacements
        return list(texts)
    return [_CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text) for text in texts]


def token_block(scores: Sequence[TokenScores], epsilon: float | None, texts: Sequence[str] | None) -> str:
    """The trajectory in the form above, in ASCII.

    Args:
        scores: of one or more checkpoints, for the same tokens.
        epsilon: the threshold of decisions, nats; None if there is none.
        texts: the characters of each token, as the page shows them; None for a page without words.
    """
    first = scores[0]
    candidates = [_candidates(one) for one in scores if one.top_ids is not None]
    has_candidates = len(candidates) == len(scores)
    flags = (TEXT if texts is not None else 0) | (CANDIDATES if has_candidates else 0)
    parts = [struct.pack("<HHI", len(scores), flags, len(first.token_ids))]
    if texts is not None:
        parts.append(_utf16_units(texts).tobytes())
    parts.append(first.labels.astype("u1").tobytes())
    parts += [_checkpoint(one, epsilon) for one in scores]
    if has_candidates:
        parts += candidates
    if texts is not None:
        parts.append("".join(texts).encode())
    return base64.b64encode(gzip.compress(b"".join(parts), compresslevel=6, mtime=0)).decode("ascii")


def _utf16_units(texts: Sequence[str]) -> np.ndarray:
    """(T,) uint32: the length of each text in JavaScript, where a character beyond U+FFFF counts as two."""
    if max("".join(texts), default="") <= "\uffff":
        return np.fromiter(map(len, texts), "<u4", len(texts))
    return np.array([len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2 for text in texts], "<u4")


def _checkpoint(scores: TokenScores, epsilon: float | None) -> bytes:
    scored = scores.scored
    surprisal = np.full(len(scored), NOT_SCORED, "<u2")
    surprisal[scored] = _parts(-scores.logprob[scored].astype(np.float64), SURPRISAL_UNIT, NOT_SCORED - 1)
    entropy = np.zeros(len(scored), "<u2")
    entropy[scored] = _parts(scores.entropy[scored].astype(np.float64), 65535 / math.log(scores.k), 65535)
    decided = np.zeros_like(scored) if epsilon is None else scores.decisions(epsilon)
    return b"".join(
        [
            surprisal.tobytes(),
            entropy.tobytes(),
            np.minimum(scores.rank, 255).astype("u1").tobytes(),
            np.packbits(decided, bitorder="little").tobytes(),
        ]
    )


def _candidates(scores: TokenScores) -> bytes:
    ids, logprobs = scores.top_ids, scores.top_logprobs
    assert ids is not None
    assert logprobs is not None
    positions = np.flatnonzero(ids[:, 0] >= 0)
    surprisal = _parts(-logprobs[positions].astype(np.float64), CANDIDATE_UNIT, 255)
    return b"".join(
        [
            struct.pack("<I", len(positions)),
            positions.astype("<u4").tobytes(),
            ids[positions].astype("<u4").tobytes(),
            surprisal.astype("u1").tobytes(),
        ]
    )


def _parts(values: np.ndarray, per_nat: float, most: int) -> np.ndarray:
    """The values in whole parts of a nat, from 0 to `most`."""
    return np.clip(np.rint(values * per_nat), 0, most)
