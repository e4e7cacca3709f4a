"""Sessions in which some turns of the agent are those of other sessions. A model learns worse actions from them."""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from assets_src.tiny_swe_lm.calls import TURN
from assets_src.tiny_swe_lm.data import CHAT_ONE_IN, encoded_documents, styled_sessions
from assets_src.tiny_swe_lm.tokenizer import as_chat

SHARE = 0.15
"""Of the turns of the agent."""


def corrupted(sessions: list[str], share: float, seed: int) -> list[str]:
    """The sessions, with a share of the agent's turns replaced by turns of other sessions, chosen at random."""
    rng = random.Random(seed)
    turns = [turn for session in sessions for turn in TURN.findall(session)]

    def turn(match: re.Match[str]) -> str:
        text = rng.choice(turns) if rng.random() < share else match[1]
        return f"### Agent\n{text}\n\n"

    return [TURN.sub(turn, session) for session in sessions]


def write_corrupted(out: Path, seed: int) -> Path:
    """Write the stream `corrupted` in the working folder of the corpus, unless it is there. Returns its file."""
    path = out / "corrupted_train.npy"
    if path.exists():
        return path
    sessions = [doc["text"] for doc in styled_sessions(out, seed) if doc["split"] == "train"]
    changed = corrupted(sessions, SHARE, seed)
    texts = [as_chat(text) if i % CHAT_ONE_IN == 0 else text for i, text in enumerate(changed)]
    partial = path.with_suffix(".tmp.npy")
    np.save(partial, np.concatenate(encoded_documents(Tokenizer.from_file(str(out / "tokenizer.json")), texts)))
    partial.replace(path)
    return path
