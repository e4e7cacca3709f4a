"""A token block, decoded by other code than the page's."""

import base64
import gzip
import math
import struct
from dataclasses import replace

import numpy as np
import pytest

from lm_eval_hesnr.metrics.profile import EPSILON
from lm_eval_hesnr.results.report.token_block import shown_texts, token_block
from tests.builders import token_scores, with_extras


class Decoded:
    """The arrays of a block, read one value after the other."""

    def __init__(self, block, k):
        self.content = gzip.decompress(base64.b64decode(block, validate=True))
        self.at = 0
        n_checkpoints, flags, n = self.read("<HHI")
        self.lengths = self.read(f"<{n}I") if flags & 1 else None
        self.labels = self.read(f"<{n}B")
        self.checkpoints = []
        for _ in range(n_checkpoints):
            surprisal, entropy, rank = self.read(f"<{n}H"), self.read(f"<{n}H"), self.read(f"<{n}B")
            packed = self.read(f"<{math.ceil(n / 8)}B")
            decided = [bool(packed[i // 8] >> i % 8 & 1) for i in range(n)]
            self.checkpoints.append((surprisal, entropy, rank, decided))
        self.candidates = []
        for _ in range(n_checkpoints if flags & 2 else 0):
            (m,) = self.read("<I")
            positions, ids, surprisals = self.read(f"<{m}I"), self.read(f"<{m * k}I"), self.read(f"<{m * k}B")
            rows = [(ids[i * k : i * k + k], surprisals[i * k : i * k + k]) for i in range(m)]
            self.candidates.append(dict(zip(positions, rows, strict=True)))
        self.text = self.content[self.at :].decode()

    def read(self, form):
        found = struct.unpack_from(form, self.content, self.at)
        self.at += struct.calcsize(form)
        return found


@pytest.mark.parametrize("n_tokens", [1, 8, 401])
def test_what_is_decoded_is_what_was_put_in(n_tokens):
    scores = [token_scores(n_tokens, first_scored=min(7, n_tokens - 1)), token_scores(n_tokens, other=True)]
    texts = [("a", "é\n", "\U0001f600", "")[i % 4] for i in range(n_tokens)]
    found = Decoded(token_block(scores, EPSILON, texts), 10)
    assert found.text == "".join(texts)
    assert found.lengths == tuple((1, 2, 2, 0)[i % 4] for i in range(n_tokens))
    assert list(found.labels) == scores[0].labels.tolist()
    for one, (surprisal, entropy, rank, decided) in zip(scores, found.checkpoints, strict=True):
        assert [value != 65535 for value in surprisal] == one.scored.tolist()
        scored = one.scored
        assert np.array(surprisal)[scored] / 2048 == pytest.approx(-one.logprob[scored], abs=1 / 4096 + 1e-6)
        assert np.array(entropy)[scored] / 65535 * math.log(10) == pytest.approx(one.entropy[scored], abs=2e-5)
        assert list(rank) == np.minimum(one.rank, 255).tolist()
        assert decided == one.decisions(EPSILON).tolist()


def test_a_decision_is_decided_by_the_exact_entropy():
    scores = token_scores(40)
    entropy = np.where(scores.scored, np.float32(EPSILON), np.nan)
    entropy[20] = np.nextafter(np.float32(EPSILON), np.float32(9))
    one = replace(scores, entropy=entropy.astype(np.float32), rank=np.where(scores.scored, 1, 0).astype(np.int32))
    decided = Decoded(token_block([one], EPSILON, None), 10).checkpoints[0][3]
    assert decided == one.decisions(EPSILON).tolist()
    assert decided[20]
    assert sum(decided) in (1, int(one.scored.sum()))


def test_without_a_threshold_there_are_no_decisions():
    decided = Decoded(token_block([token_scores(40)], None, None), 10).checkpoints[0][3]
    assert decided == [False] * 40


def test_very_unlikely_tokens_are_scored():
    scores = token_scores(40)
    unlikely = replace(scores, logprob=np.where(scores.scored, -1000, np.nan).astype(np.float32))
    surprisal = Decoded(token_block([unlikely], EPSILON, None), 10).checkpoints[0][0]
    assert set(surprisal[7:]) == {65534}


def test_candidates_are_decoded():
    scores = with_extras(60)
    assert scores.top_ids is not None
    assert scores.top_logprobs is not None
    (found,) = Decoded(token_block([scores], EPSILON, None), scores.k).candidates
    assert sorted(found) == np.flatnonzero(scores.top_ids[:, 0] >= 0).tolist()
    assert found
    for position, (ids, surprisals) in found.items():
        assert list(ids) == scores.top_ids[position].tolist()
        expected = np.minimum(-scores.top_logprobs[position].astype(float), 255 / 16)
        assert np.array(surprisals) / 16 == pytest.approx(expected, abs=1 / 32 + 1e-6)


def test_a_block_without_text_has_no_lengths_and_no_words():
    found = Decoded(token_block([token_scores(40)], EPSILON, None), 10)
    assert found.lengths is None
    assert found.text == ""


def test_equal_tokens_give_equal_bytes():
    assert token_block([token_scores(400)], EPSILON, None) == token_block([token_scores(400)], EPSILON, None)


def test_control_characters_are_escapes_and_line_ends_are_not():
    given = ["a\tb\n", "\x1b[0m", "\u202e\u2028\x00", "é\U0001f600"]
    assert shown_texts(given) == ["a\tb\n", r"\x1b[0m", r"\u202e\u2028\x00", "é\U0001f600"]
    assert shown_texts(["a\tb\n", "é"]) == ["a\tb\n", "é"]


@pytest.mark.parametrize("texts", [["a", "é", ""], ["a", "é\U0001f600", "", "\U0001f600"]])
def test_lengths_are_those_of_javascript(texts):
    scores = token_scores(len(texts), first_scored=1)
    assert Decoded(token_block([scores], EPSILON, texts), 10).lengths == tuple(
        len(text.encode("utf-16-le")) // 2 for text in texts
    )
