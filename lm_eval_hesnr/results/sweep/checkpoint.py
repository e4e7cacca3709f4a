"""A checkpoint: its name, where its weights are, and its training step, which is read from names."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lm_eval_hesnr.files import read_regular
from lm_eval_hesnr.results.json_checks import decoded_json

_STEP = re.compile(r"(?:checkpoint|step|iter)[-_=]?(\d+)(?!\d*(?:\.\d+)?[^\W\d_])", re.IGNORECASE)
"""A number after the word that Trainer, Megatron, OLMo or Pythia use. `step100k` has no such number."""
_ONLY_NUMBER = re.compile(r"\D*?(\d+)(?![^\W\d_])\D*")
_MOST_DIGITS = 15
_TOKENS = re.compile(r"tokens(\d{1,9})([BMT])\b", re.IGNORECASE)
_UNITS = {"M": 10**6, "B": 10**9, "T": 10**12}
_LARGEST_STATE_FILE = 2**28
"""Bytes. `trainer_state.json` has a line per log step of the training."""


Key = tuple[str, str | None, str]
"""What names a checkpoint: the absolute folder or the name on the Hub, the revision, and its own model arguments."""


def key_of(pretrained: str, revision: str | None, model_args: Mapping[str, Any]) -> Key:
    """The key of a checkpoint. The same weights with other model arguments are another checkpoint."""
    place = resolved(pretrained) if revision is None else pretrained
    return place, revision, json.dumps(model_args, sort_keys=True, default=str)


def resolved(path: str) -> str:
    """The absolute path without links, which is the same for every way to write a path."""
    try:
        return str(Path(path).expanduser().resolve())
    except (OSError, RuntimeError, ValueError):  # there can be no such file
        return path


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One checkpoint of a sweep."""

    name: str
    """The name of its folder in OUT, and in the table."""
    pretrained: str
    """A folder, or a name on the Hub."""
    revision: str | None = None
    """The revision on the Hub; None for a folder."""
    step: int | None = None
    """The step of training; None if the name does not contain it."""
    model_args: Mapping[str, Any] = field(default_factory=dict)
    """Model arguments of this checkpoint alone."""

    @property
    def key(self) -> Key:
        """What names the checkpoint."""
        return key_of(self.pretrained, self.revision, self.model_args)

    @property
    def folder(self) -> Path | None:
        """The folder with the weights; None for a revision on the Hub."""
        return Path(self.pretrained) if self.revision is None else None

    @property
    def run(self) -> str:
        """What the checkpoints of one training run share: the folder above them, or the name on the Hub."""
        return self.pretrained if self.revision is not None else str(Path(self.pretrained).absolute().parent)

    @property
    def place(self) -> str:
        """The absolute folder, which another call finds from any working folder; or the name on the Hub."""
        return self.pretrained if self.revision is not None else str(Path(self.pretrained).absolute())

    @property
    def source(self) -> str:
        """The weights in one text: the folder, or `org/name@revision`."""
        return self.pretrained if self.revision is None else f"{self.pretrained}@{self.revision}"


def step_of(name: str) -> int | None:
    """The step in the name of a folder or revision.

    It is the last number after `checkpoint`, `step` or `iter`; without these words, the only number of the name. A
    number of more than 15 digits is not a step.
    """
    only = _ONLY_NUMBER.fullmatch(name)
    digits = [*([only[1]] if only else []), *_STEP.findall(name)][-1:]
    return next((int(found) for found in digits if len(found) <= _MOST_DIGITS), None)


def tokens_seen(checkpoint: Checkpoint) -> int | None:
    """The number of training tokens, from the revision (`-tokens5B`) or from `trainer_state.json`; None if unknown."""
    folder = checkpoint.folder
    if folder is None:
        found = _TOKENS.search(checkpoint.revision or "")
        return int(found[1]) * _UNITS[found[2].upper()] if found else None
    path = folder / "trainer_state.json"
    try:
        seen = decoded_json(read_regular(path, at_most=_LARGEST_STATE_FILE))["num_input_tokens_seen"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    return seen if type(seen) is int and seen > 0 else None
