"""The tokens of a trajectory, each with its characters in the text.

Token ids and offsets come from the model's tokenizer, with two corrections:

- Some tokenizers trim blanks off a token's offsets. A copy of the tokenizer without trimming gives the full offsets.
- A text can contain the spelling of a control token, such as `<|im_start|>`. Only the chat template may write real
  control tokens. So a copy of the tokenizer reads this spelling as plain text. Without a template, this is needed only
  if the vocabulary of a Unigram model contains the spelling as an ordinary piece.

Added tokens that are not marked as special, such as `<think>`, are left as the tokenizer reads them. If a Unigram
model does not know several neighbouring characters, it splits them into bytes. Each of these byte tokens then has the
offsets of the whole group.
"""

from __future__ import annotations

import json
import re
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from tokenizers import AddedToken, Tokenizer

from lm_eval_hesnr.errors import InputError

_PRIVATE = 0xF0000
"""First of the 65 534 characters of a Unicode private use plane. These characters replace control tokens."""


class Tokens(NamedTuple):
    """T tokens of one text, with character offsets.

    `models.window_request.EncodedTrajectory` adds the windows in which these tokens are scored.
    """

    ids: np.ndarray
    """(T,) int64."""
    start: np.ndarray
    """(T,) int64, first character. If a character is split into several tokens, each of them has its offsets."""
    end: np.ndarray
    """(T,) int64, one past the last character. Equal to `start` for a token without characters, such as a BOS."""


class TrajectoryTokenizer:
    """Tokenizes labelled texts with the tokenizer of one model."""

    def __init__(self, tokenizer: Any, *, name: str, add_bos_token: bool | None = None) -> None:
        """Wrap a tokenizer.

        Args:
            tokenizer: a fast tokenizer of `transformers`.
            name: the model's name, for error messages.
            add_bos_token: as in `hf`. If None, the tokenizer's default is used.

        Raises:
            InputError: it is not a fast tokenizer, so it has no character offsets.
        """
        if not getattr(tokenizer, "is_fast", False):
            raise InputError(
                f"{name}: the tokenizer returns no character offsets, which labels need; use a fast tokenizer (drop "
                "use_fast_tokenizer=False, or convert it to tokenizer.json)"
            )
        self.tokenizer, self.add_bos_token = tokenizer, add_bos_token
        added = tokenizer.added_tokens_decoder
        self._special = {token.content: token_id for token_id, token in added.items() if token.special}
        self._copy: tuple[dict[str, str], Tokenizer] | None = None

    def __call__(self, text: str, template: np.ndarray | None) -> Tokens:
        """The tokens of a text.

        Args:
            text: the whole text.
            template: (characters,) bool, true for characters that a chat template wrote. Only these may become control
                tokens. If it is None, there is no template, and no text may become a control token.
        """
        options: dict[str, Any] = {} if self.add_bos_token is None else {"add_special_tokens": self.add_bos_token}
        if template is not None and self.tokenizer.bos_token and text.startswith(self.tokenizer.bos_token):
            options["add_special_tokens"] = False  # the template has written the BOS already
        encoding = self.tokenizer(
            text, return_offsets_mapping=True, split_special_tokens=template is None, verbose=False, **options
        )
        ids = np.asarray(encoding["input_ids"], np.int64)
        adds_special = options.get("add_special_tokens", True)
        written = np.zeros(len(text), bool) if template is None else template
        if self._is_spelled(ids, encoding["offset_mapping"], written):
            return self._guarded(text, written, adds_special)
        offsets = encoding["offset_mapping"]
        if self._untrimmed is not None:
            self._untrimmed.encode_special_tokens = template is None
            untrimmed = self._untrimmed.encode(text, add_special_tokens=adds_special)
            if untrimmed.ids == ids.tolist():
                offsets = untrimmed.offsets
        return Tokens(ids, *_columns(offsets))

    @cached_property
    def _state(self) -> dict[str, Any]:
        """The content of `tokenizer.json`, with all trimming of offsets turned off."""
        state: dict[str, Any] = json.loads(self.tokenizer.backend_tokenizer.to_str())
        self._trims = _stop_trimming(state)
        return state | {"truncation": None, "padding": None}

    @cached_property
    def _untrimmed(self) -> Tokenizer | None:
        """A copy of the tokenizer that keeps blanks in a token's offsets; None if the tokenizer itself does so."""
        state = self._state
        return Tokenizer.from_str(json.dumps(state)) if self._trims else None

    def _is_spelled(self, ids: np.ndarray, offsets: list[tuple[int, int]], template: np.ndarray) -> bool:
        """Whether a control token was made from characters that the template did not write."""
        start, end = _columns(offsets)
        found = np.isin(ids, list(self._special.values())) & (end > start)
        written = np.concatenate([[0], np.cumsum(template)])
        return bool((written[end] - written[start] < end - start)[found].any())

    def _guarded(self, text: str, template: np.ndarray, adds_special: bool) -> Tokens:
        """Tokens of a text in which only the template's control tokens may become control tokens.

        A private character replaces each of these, and a copy of the tokenizer reads everything else as plain text.
        """
        free = (mark for mark in map(chr, range(_PRIVATE, _PRIVATE + 0xFFFE)) if mark not in text)
        stand_ins = dict(zip(self._special, free, strict=False))
        spelling = "|".join(re.escape(content) for content in sorted(self._special, key=len, reverse=True))
        pieces: list[str] = []
        origin: list[int] = []  # the index in the text of each character of the pieces
        position = 0
        for match in re.finditer(spelling, text):
            if template[match.start() : match.end()].all():
                pieces += [text[position : match.start()], stand_ins[match[0]]]
                origin += range(position, match.start() + 1)  # the stand-in is one character
                position = match.end()
        pieces.append(text[position:])
        origin += range(position, len(text) + 1)
        copy = self._with_stand_ins(stand_ins)
        encoding = copy.encode("".join(pieces), add_special_tokens=adds_special)
        real = {copy.token_to_id(mark): self._special[content] for content, mark in stand_ins.items()}
        start, end = _columns(encoding.offsets)
        map_back = np.asarray(origin, np.int64)
        return Tokens(np.asarray([real.get(i, i) for i in encoding.ids], np.int64), map_back[start], map_back[end])

    def _with_stand_ins(self, stand_ins: dict[str, str]) -> Tokenizer:
        """A copy of the tokenizer that reads the private characters as control tokens, but not the spellings.

        Nearly every text needs the same copy, so the last one is kept.
        """
        if self._copy is None or self._copy[0] != stand_ins:
            copy = Tokenizer.from_str(json.dumps(_without_pieces(self._state, set(self._special))))
            known = {token.content: token for token in self.tokenizer.added_tokens_decoder.values()}
            copy.add_tokens([_stand_in(known[content], mark) for content, mark in stand_ins.items()])
            copy.encode_special_tokens = True  # has no effect on the stand-ins, which are not marked special
            self._copy = stand_ins, copy
        return self._copy[1]


def _columns(offsets: Any) -> tuple[np.ndarray, np.ndarray]:
    start, end = np.asarray(offsets, np.int64).reshape(-1, 2).T
    return start, end


def _stand_in(token: AddedToken, mark: str) -> AddedToken:
    return AddedToken(mark, single_word=token.single_word, lstrip=token.lstrip, rstrip=token.rstrip, normalized=False)


def _without_pieces(state: dict[str, Any], spelled: set[str]) -> dict[str, Any]:
    """The state of a tokenizer. A Unigram model's pieces with these spellings are renamed, so no text matches them."""
    model = state["model"]
    if model["type"] != "Unigram":
        return state
    vocabulary = [[f"\U0010ffff{piece}" if piece in spelled else piece, score] for piece, score in model["vocab"]]
    return state | {"model": model | {"vocab": vocabulary}}


def _stop_trimming(state: Any) -> bool:
    """Turn every `trim_offsets` of a serialised tokenizer off. Return whether one was on."""
    if isinstance(state, list):
        return sum(_stop_trimming(value) for value in state) > 0  # not `any`, because every value must be visited
    if not isinstance(state, dict):
        return False
    was_on = state.get("trim_offsets") is True
    if was_on:
        state["trim_offsets"] = False
    # vocabularies and merges are long and contain no settings
    inner = [value for key, value in state.items() if key not in ("vocab", "merges", "added_tokens")]
    return was_on | _stop_trimming(inner)
