"""The score store: what a model said about a trajectory, kept under the content that determines it.

`DIR/<settings>/<tokens>.parquet`, both names digests: of everything about the run that changes numbers (k, dtype,
kernel, window, stride, weights, tokenizer, library versions, ...), and of the token ids. Labels, scopes, thresholds and
the trajectory's name are no part of it. A position's numbers must depend on nothing else, but by a few millionths, in
particular not on which other positions are wanted: `scoring.windows` promises that. An entry is a token table with a
checksum over the whole file; its labels, offsets and name are of the last run that asked for it.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from lm_eval_hesnr.errors import Interrupted
from lm_eval_hesnr.files import make_folder, replace_file, unfinished_name
from lm_eval_hesnr.labels import LABEL_RULES_VERSION
from lm_eval_hesnr.scoring.fingerprints import digest
from lm_eval_hesnr.scoring.token_scores import TokenScores
from lm_eval_hesnr.scoring.token_table import as_parquet, as_table, read_token_table

eval_logger = logging.getLogger("lm_eval.hesnr")

FORMAT = "hesnr-score-store"
VERSION = 1
"""Raised when entries are written differently, or when the same input gives other numbers than before."""

_WEIGHT_NAMES = ("model", "revision", "peft")
_NO_SETTING = ("lm_eval_hesnr",)
"""What a signature says that changes no number: `VERSION` stands for the package."""

NOT_IN_ADDRESS = (*_WEIGHT_NAMES, *_NO_SETTING, "tokenizer")
"""Keys of an entry's signature in which entries of one folder may differ: contents stand in the address for them."""

SETTINGS = "settings.json"
"""The file in each folder of entries that says what they have in common."""

_STATISTICS = ("logprob", "entropy", "rank", "top_mass")
_CHECKSUM = b"hesnr-checksum:"
_BLANK = b"0" * 64
_ABANDONED_SECONDS = 3600
_NAMES = re.compile(r".+\.parquet|settings\.json|fingerprints\.json")
"""The files of a store; nothing else in its folder is ours to remove."""


class ScoreStore:
    """A folder that one model's scores are read from and written to; several processes may use it at a time."""

    def __init__(
        self, folder: str | Path, signature: Mapping[str, Any], *, weights: str | None, tokenizer: str | None
    ) -> None:
        """Make the folder.

        Args:
            folder: where the entries are, of any number of models.
            signature: what of the model and its engine determines the numbers; every key counts but pure names.
            weights: a fingerprint of the model's content. It takes the place of the signature's model, revision and
                peft; None where nobody can read the weights (a server), and these names are all there is.
            tokenizer: the same for the tokenizer.

        Raises:
            InputError: there can be no such folder.
        """
        self.folder = Path(folder).expanduser()
        self.n_read = 0
        names = (*_NO_SETTING, *(_WEIGHT_NAMES if weights else ()), *(("tokenizer",) if tokenizer else ()))
        content = {"weights": weights, "tokenizer_content": tokenizer, "format": FORMAT, "version": VERSION}
        self._signature = dict(signature)
        self._settings = {key: value for key, value in signature.items() if key not in names} | content
        self._homes: dict[int, Path] = {}
        self._can_write = True
        self._last: tuple[Path, tuple[str, TokenScores]] | None = None
        """What was read last: mostly the same is written next, and nothing is to do."""
        make_folder(folder, "score_store")
        _sweep(self.folder)

    def read(self, token_ids: np.ndarray, positions: np.ndarray, k: int) -> TokenScores | None:
        """What is stored of the positions; None where that is nothing, or not all of them.

        Labels, offsets, `short_context` and signature are those of the run that wrote: put your own in their place.

        Args:
            token_ids: (T,) integers, the whole trajectory.
            positions: (n,) integers in [0, T).
            k: size of the candidate set.
        """
        path = self._path(token_ids, k)
        try:
            name, stored = read_entry(path)
        except FileNotFoundError:
            return None
        except (ValueError, OSError) as error:
            eval_logger.warning("score store: %s is damaged (%s); its trajectory is scored again", path, error)
            return None
        if not np.array_equal(stored.token_ids, token_ids) or not stored.scored[positions].all():
            return None
        self.n_read += 1
        self._last = path, (name, stored)
        return _only(stored, positions)

    def write(self, name: str, scores: TokenScores, **about: Any) -> None:
        """Keep the scores of a trajectory, at once and whole.

        An entry that holds them already keeps its numbers, of more positions perhaps, and gets the new labels. A disk
        that takes no more ends the storing, not the run.

        Args:
            name: of the trajectory.
            scores: as `read` gave or the model made them; the entry gets the store's signature, not theirs.
            **about: what else whoever reads the entry as a token table should know, such as the rendering.
        """
        path = self._path(scores.token_ids, scores.k)
        told = self._signature | about | {"k": scores.k, "label_rules": LABEL_RULES_VERSION}
        scores = replace(scores, signature=json.loads(json.dumps(told)))
        old_name, old = self._entry(path) or ("", None)
        if old and np.array_equal(old.token_ids, scores.token_ids) and old.scored[scores.scored].all():
            if old_name == name and _same_payload(old, scores):
                return
            scores = replace(scores, scored=old.scored, **{key: getattr(old, key) for key in _STATISTICS})
        if not self._can_write:
            return
        try:
            path.parent.mkdir(exist_ok=True)
            settings = path.parent / SETTINGS
            if not settings.exists():
                about_model = {key: self._signature.get(key) for key in (*_WEIGHT_NAMES, "tokenizer")}
                replace_file(settings, json.dumps({"settings": self._with_k(scores.k), "names": about_model}, indent=2))
            replace_file(path, _entry(name, scores, address=f"{path.parent.name}/{path.stem}"))
            self._last = None
        except OSError as error:
            self._can_write = False
            eval_logger.warning("score store: %s; the run goes on and nothing more is stored", error)

    def _entry(self, path: Path) -> tuple[str, TokenScores] | None:
        if self._last and self._last[0] == path:
            return self._last[1]
        with suppress(ValueError, OSError):  # `read` has named it
            return read_entry(path)
        return None

    def _with_k(self, k: int) -> dict[str, Any]:
        return self._settings | {"k": k}

    def _path(self, token_ids: np.ndarray, k: int) -> Path:
        if k not in self._homes:
            settings = self._with_k(k)
            self._homes[k] = self.folder / digest(json.dumps(settings, sort_keys=True).encode(), size=8)
            if not self._homes[k].exists():
                self._say_nearest(json.loads(json.dumps(settings)))
        name = digest(np.ascontiguousarray(token_ids, "<i8").tobytes(), size=16)
        return self._homes[k] / f"{name}.parquet"

    def _say_nearest(self, settings: dict[str, Any]) -> None:
        """Why a store that is not empty has nothing for this run."""
        differing: list[list[str]] = []
        for path in self.folder.glob(f"*/{SETTINGS}"):
            with suppress(ValueError, TypeError, KeyError, AttributeError, OSError):
                other = json.loads(path.read_text())["settings"]
                keys = sorted(settings.keys() | other.keys())
                differing.append([key for key in keys if settings.get(key) != other.get(key)])
        if differing:
            nearest = min(differing, key=len)
            eval_logger.info(
                "score store %s: nothing of this model and its settings yet; what is nearest differs in %s",
                self.folder, ", ".join(nearest),
            )  # fmt: skip


def read_entry(path: Path) -> tuple[str, TokenScores]:
    """An entry's name and scores; the checksum is right.

    Raises:
        ValueError: the file is damaged or lies in another's place; the reason.
        OSError: it cannot be read.
    """
    data = path.read_bytes()
    at = data.rfind(_CHECKSUM) + len(_CHECKSUM)
    blank = data[:at] + _BLANK + data[at + len(_BLANK) :]
    if at < len(_CHECKSUM) or digest(blank).encode() != data[at : at + len(_BLANK)]:
        raise ValueError("its checksum is wrong")
    if f'"address": "{path.parent.name}/{path.stem}"'.encode() not in data:
        raise ValueError("it lies in the place of another")
    return read_token_table(pa.BufferReader(data))


@contextmanager
def resumable(folder: str | Path | None) -> Iterator[None]:
    """Let an interrupt end what is done inside with one line that says how to go on.

    Raises:
        Interrupted: in the place of KeyboardInterrupt.
    """
    try:
        yield
    except KeyboardInterrupt:
        if folder is None:
            eval_logger.warning(
                "interrupted, nothing is kept; with --model_args score_store=DIR a run goes on where it was stopped"
            )
        else:
            eval_logger.warning("interrupted; run the same command again to go on from the scores in %s", folder)
        raise Interrupted from None


def _entry(name: str, scores: TokenScores, address: str) -> bytes:
    """A token table as the bytes of a Parquet file, with the checksum of all the others in its metadata."""
    table = as_table(0, name, scores)
    metadata = table.schema.metadata | {
        b"store": json.dumps({"format": FORMAT, "version": VERSION, "address": address}).encode(),
        b"checksum": _CHECKSUM + _BLANK,
    }
    data = as_parquet(table.replace_schema_metadata(metadata))
    at = data.rfind(_CHECKSUM) + len(_CHECKSUM)
    return data[:at] + digest(data).encode() + data[at + len(_BLANK) :]


def _same_payload(old: TokenScores, new: TokenScores) -> bool:
    same = all(np.array_equal(getattr(old, key), getattr(new, key)) for key in ("labels", "char_start", "char_end"))
    return same and old.signature == new.signature


def _only(scores: TokenScores, positions: np.ndarray) -> TokenScores:
    """The scores of these positions and of no other."""
    scored = np.zeros_like(scores.scored)
    scored[positions] = True
    return replace(
        scores,
        scored=scored,
        logprob=np.where(scored, scores.logprob, np.float32(np.nan)),
        entropy=np.where(scored, scores.entropy, np.float32(np.nan)),
        rank=np.where(scored, scores.rank, np.int32(0)),
        top_mass=np.where(scored, scores.top_mass, np.float32(np.nan)),
    )


def _sweep(folder: Path) -> None:
    """Remove what killed runs left half written; a younger one may be another process's."""
    with suppress(OSError):
        for partial in (*folder.glob("*.partial"), *folder.glob("*/*.partial")):
            if (
                _NAMES.fullmatch(unfinished_name(partial) or "")
                and time.time() - partial.stat().st_mtime > _ABANDONED_SECONDS
            ):
                partial.unlink(missing_ok=True)
