"""The corpus as token ids: one long stream for each kind of text, and random batches from the streams."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from tokenizers import Encoding, Tokenizer

from assets_src.tiny_swe_lm.calls import chosen_style, restyle
from assets_src.tiny_swe_lm.corpus import SPLITS, code_documents, language_documents, read_sessions
from assets_src.tiny_swe_lm.tokenizer import END_OF_TEXT, agent_spans, as_chat, train_tokenizer

VOCAB_SIZE = 4096
CHAT_ONE_IN = 16  # one in this many training sessions is rendered with the chat template
RESTYLED = {"json": 0.15, "xml": 0.2}  # shares of the sessions whose shell turns are rewritten as such calls
IGNORED = -100
"""Target that `cross_entropy` ignores."""


class Stream(NamedTuple):
    """All documents of one kind in a row, each after an `END_OF_TEXT`."""

    ids: np.ndarray
    """(N,) uint16."""
    counted: np.ndarray | None = None
    """(N,) bool: the tokens that the loss counts; None for all."""


class Batch(NamedTuple):
    """The rows of one training step."""

    inputs: torch.Tensor
    """(B, T) int64."""
    targets: torch.Tensor
    """(B, T) int64: the token after each input, or `IGNORED`."""


def styled_sessions(out: Path, seed: int) -> list[dict]:
    """All sessions with their split, in a seeded random order. Some are rewritten in another style of calls."""
    documents = []
    for split in SPLITS:
        for number, doc in enumerate(read_sessions(out, split)):
            style = chosen_style(random.Random(f"{seed}-style-{split}-{number}"), RESTYLED)
            text = restyle(doc["text"], style) if style else doc["text"]
            documents.append({**doc, "text": text, "split": split})
    random.Random(seed).shuffle(documents)
    return documents


def _encoded(tokenizer: Tokenizer, texts: list[str]) -> Iterator[Encoding]:
    for first in range(0, len(texts), 256):
        yield from tokenizer.encode_batch(texts[first : first + 256])


def encoded_documents(tokenizer: Tokenizer, texts: list[str]) -> list[np.ndarray]:
    """The token ids of each document, uint16, after an `END_OF_TEXT`."""
    end = tokenizer.token_to_id(END_OF_TEXT)
    return [np.array([end, *encoded.ids], dtype=np.uint16) for encoded in _encoded(tokenizer, texts)]


def _write_streams(out: Path, tokenizer: Tokenizer, streams: dict[str, list[dict]]) -> None:
    counts: dict[str, int] = {}
    for stream, documents in streams.items():
        for split in SPLITS:
            chosen = [doc for doc in documents if doc["split"] == split]
            ids = encoded_documents(tokenizer, [doc["text"] for doc in chosen])
            for doc, of_doc in zip(chosen, ids, strict=True):
                key = f"{split}/{doc['source']}"
                counts[key] = counts.get(key, 0) + len(of_doc)
            np.save(out / f"{stream}_{split}.npy", np.concatenate(ids))
    (out / "composition.json").write_text(json.dumps(counts, indent=1, sort_keys=True))


def _write_chats(out: Path, tokenizer: Tokenizer, sessions: list[str]) -> None:
    """Write the sessions as chats for fine-tuning, with a mask of the text of the agent."""
    end = tokenizer.token_to_id(END_OF_TEXT)
    ids, counted = [], []
    chats = [as_chat(text) for text in sessions]
    for chat, encoded in zip(chats, _encoded(tokenizer, chats), strict=True):
        by_character = np.zeros(len(chat) + 1, dtype=bool)
        for start, stop in agent_spans(chat):
            by_character[start:stop] = True
        starts = np.array([start for start, _ in encoded.offsets])
        ids.append(np.array([end, *encoded.ids], dtype=np.uint16))
        counted.append(np.concatenate([[False], by_character[starts]]))
    np.save(out / "chats_train.npy", np.concatenate(ids))
    np.save(out / "chats_train_wanted.npy", np.concatenate(counted))


def prepare_data(out: Path, seed: int, tokenizer: Tokenizer | None = None) -> Tokenizer:
    """Encode all documents and write the streams, unless this was already done.

    Args:
        out: the working folder.
        seed: of the order of the documents.
        tokenizer: None to train one on a sample of the corpus.
    """
    path = out / "tokenizer.json"
    if path.exists():
        return Tokenizer.from_file(str(path))
    code, languages, sessions = code_documents(seed), language_documents(seed), styled_sessions(out, seed)
    train = {
        name: [doc["text"] for doc in documents if doc["split"] == "train"]
        for name, documents in (("code", code), ("languages", languages), ("sessions", sessions))
    }
    if tokenizer is None:
        sample = train["code"][::14] + train["languages"][::8] + train["sessions"][: len(train["code"]) // 14]
        tokenizer = train_tokenizer(sample, VOCAB_SIZE)
    _write_chats(out, tokenizer, train["sessions"])
    for doc in sessions[::CHAT_ONE_IN]:
        if doc["split"] == "train":
            doc["text"] = as_chat(doc["text"])
    _write_streams(out, tokenizer, {"code": code, "languages": languages, "sessions": sessions})
    partial = path.with_suffix(".tmp")
    tokenizer.save(str(partial))
    partial.replace(path)  # written last: it marks that all other files are complete
    return tokenizer


def load_streams(out: Path) -> dict[str, Stream]:
    """The training streams: `code`, `languages`, `sessions`, and `chats` with its mask."""
    names = ("code", "languages", "sessions")
    streams = {name: Stream(np.load(out / f"{name}_train.npy", mmap_mode="r")) for name in names}
    counted = np.load(out / "chats_train_wanted.npy", mmap_mode="r")
    return {**streams, "chats": Stream(np.load(out / "chats_train.npy", mmap_mode="r"), counted)}


def draw_batch(
    streams: dict[str, Stream], shares: dict[str, float], *, window: int, n_rows: int, seed: int, step: int
) -> Batch:
    """Random windows of the streams, chosen by the shares. The result depends only on seed and step."""
    rng = np.random.default_rng((seed, step))
    rows, targets = [], []
    for name in rng.choice(list(shares), size=n_rows, p=list(shares.values())):
        ids, counted = streams[name]
        start = int(rng.integers(0, len(ids) - window - 1))
        row = ids[start : start + window + 1].astype(np.int64)
        rows.append(row[:-1])
        targets.append(
            row[1:] if counted is None else np.where(counted[start + 1 : start + window + 1], row[1:], IGNORED)
        )
    return Batch(torch.from_numpy(np.stack(rows)), torch.from_numpy(np.stack(targets)))
