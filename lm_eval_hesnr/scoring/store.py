"""The score store: a folder of token scores. The key of an entry is the content that determines its numbers.

An entry's address is `DIR/<settings>/<tokens>.parquet`. `<settings>` is the digest of everything that changes numbers:
k, dtype, attention kernel, window, stride, weights, tokenizer, library versions, and so on. `<tokens>` is the digest of
the token ids. Labels, scopes, thresholds and the trajectory's name are not part of the address.

The numbers of a position must depend only on the address, up to a few 1e-6. In particular, they must not depend on
which other positions are requested; `scoring.windows` ensures this. An entry is a token table with a checksum of the
whole file. Its labels, offsets and name come from the run that wrote it last.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lm_eval_hesnr.errors import Interrupted
from lm_eval_hesnr.files import make_folder, read_regular, reason_of, remove_abandoned, replace_file, user_path
from lm_eval_hesnr.labels import LABEL_RULES_VERSION
from lm_eval_hesnr.messages.characters import shortened
from lm_eval_hesnr.scoring.fingerprints import digest
from lm_eval_hesnr.scoring.statistics import NO_EXTRAS, Extras
from lm_eval_hesnr.scoring.store_entry import FORMAT, VERSION, check_ours, entry_bytes, read_entry
from lm_eval_hesnr.scoring.token_scores import OPTIONAL, STATISTICS, TokenScores

eval_logger = logging.getLogger("lm_eval.hesnr")

_WEIGHT_NAMES = ("model", "revision", "peft")
_CHANGES_NO_NUMBER = ("lm_eval_hesnr",)
"""Signature keys that do not change numbers. The address contains `VERSION` instead of the package's version."""

NOT_IN_ADDRESS = (*_WEIGHT_NAMES, *_CHANGES_NO_NUMBER, "tokenizer")
"""Signature keys that may differ between entries of one folder: the address has digests of the content instead."""

SETTINGS = "settings.json"
"""The file in each folder of entries that lists the settings behind the folder's name."""

_LARGEST_SETTINGS = 2**20
_LONGEST_SHOWN = 500
"""Characters of the names of settings in a line of the log."""
_STORE_FILES = re.compile(r"fingerprints\.json|[0-9a-f]{16}/(settings\.json|[0-9a-f]{32}\.parquet)")
"""Paths of the files that a store writes, relative to its folder. It never removes anything else."""


class ScoreStore:
    """Reads and writes the scores of one model in a folder.

    Several processes, and any number of models, may use the folder at the same time.
    """

    def __init__(
        self, folder: str | Path, signature: Mapping[str, Any], *, weights: str | None, tokenizer: str | None
    ) -> None:
        """Make the folder if it does not exist, and remove unfinished files that killed runs left.

        Args:
            folder: where the entries are.
            signature: the settings of the model and its engine that determine the numbers.
            weights: fingerprint of the model's content. In the address it replaces the signature's model, revision and
                peft. If it is None, because the weights of a server cannot be read, these names are part of the
                address.
            tokenizer: fingerprint of the tokenizer; if it is None, the tokenizer's name is part of the address.

        Raises:
            InputError: the folder cannot be created.
        """
        self.folder = user_path(folder)
        self.n_read = 0
        replaced = (*_CHANGES_NO_NUMBER, *(_WEIGHT_NAMES if weights else ()), *(("tokenizer",) if tokenizer else ()))
        content = {"weights": weights, "tokenizer_content": tokenizer, "format": FORMAT, "version": VERSION}
        self._signature = dict(signature)
        self._settings = {key: value for key, value in signature.items() if key not in replaced} | content
        self._folder_of_k: dict[int, Path] = {}
        self._has_named_foreign = False
        self.failure: str | None = None
        """Why scores are no longer written, as one line; None if they are written."""
        self._last_read: tuple[Path, tuple[str, TokenScores]] | None = None
        """Path and content of the entry that was read last. Usually, the next entry to write is the same one,
        unchanged."""
        make_folder(folder, "score_store")
        _remove_abandoned(self.folder)

    def read(
        self, token_ids: np.ndarray, positions: np.ndarray, k: int, extras: Extras = NO_EXTRAS
    ) -> TokenScores | None:
        """The stored scores of the positions; None if one of them, or one of its extras, is not stored.

        Labels, offsets, `short_context` and signature come from the run that wrote the entry. The caller replaces them
        with its own.

        Args:
            token_ids: (T,) integers, the whole trajectory.
            positions: (n,) integers in [0, T).
            k: size of the candidate set.
            extras: the optional statistics that the scores must have.
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
        if not stored.has(extras, positions):
            return None
        self.n_read += 1
        self._last_read = path, (name, stored)
        return stored.restricted(positions)

    def write(self, name: str, scores: TokenScores, **extra: Any) -> None:
        """Write the scores of a trajectory, completely or not at all.

        If the entry already has scores of all these positions, it keeps its numbers, and gets the new labels and the
        optional statistics that it lacks. If the disk cannot be written, one warning is logged, and the run continues
        without writing. A link, a special file or another program's file at the entry's path is named in a warning and
        stays.

        Args:
            name: the trajectory's name.
            scores: from `read` or from the model. The entry gets the store's signature.
            **extra: further signature entries for readers of the token table, such as the rendering.
        """
        path = self._path(scores.token_ids, scores.k)
        signature = self._signature | extra | {"k": scores.k, "label_rules": LABEL_RULES_VERSION}
        scores = replace(scores, signature=json.loads(json.dumps(signature)))
        old_name, old = self._entry_at(path) or ("", None)
        if old and not np.array_equal(old.token_ids, scores.token_ids):
            old = None
        if old and not old.scored[scores.scored].all():
            scores = scores.completed(old)
        elif old:
            kept = old.completed(scores)
            if old_name == name and _has_same_labels(old, scores) and _has_same_extras(old, kept):
                return
            scores = replace(scores, scored=old.scored, **{key: getattr(kept, key) for key in STATISTICS})
        if self.failure:
            return
        try:
            self._write_settings(path.parent, scores.k)
            if old is None:
                check_ours(path)
            replace_file(path, entry_bytes(name, scores, address=f"{path.parent.name}/{path.stem}"))
            self._last_read = None
        except FileExistsError as error:  # only this entry cannot be written
            if not self._has_named_foreign:
                eval_logger.warning("score store: %s; the run continues without this entry", reason_of(error))
            self._has_named_foreign = True
        except OSError as error:
            self.failure = f"score store: {reason_of(error)}; the run continues without storing scores"
            eval_logger.warning("%s", self.failure)

    def _entry_at(self, path: Path) -> tuple[str, TokenScores] | None:
        if self._last_read and self._last_read[0] == path:
            return self._last_read[1]
        with suppress(ValueError, OSError):  # `read` has logged it
            return read_entry(path)
        return None

    def _write_settings(self, folder: Path, k: int) -> None:
        folder.mkdir(exist_ok=True)
        path = folder / SETTINGS
        if not os.path.lexists(path):
            names = {key: self._signature.get(key) for key in (*_WEIGHT_NAMES, "tokenizer")}
            replace_file(path, json.dumps({"settings": self._settings | {"k": k}, "names": names}, indent=2))

    def _path(self, token_ids: np.ndarray, k: int) -> Path:
        if k not in self._folder_of_k:
            settings = self._settings | {"k": k}
            folder = self.folder / digest(json.dumps(settings, sort_keys=True).encode(), size=8)
            self._folder_of_k[k] = folder
            if not folder.exists():
                self._log_nearest(json.loads(json.dumps(settings)))
        name = digest(np.ascontiguousarray(token_ids, "<i8").tobytes(), size=16)
        return self._folder_of_k[k] / f"{name}.parquet"

    def _log_nearest(self, settings: dict[str, Any]) -> None:
        """Log in which settings the most similar entries of the store differ from this run."""
        differing: list[list[str]] = []
        for path in self.folder.glob(f"*/{SETTINGS}"):
            with suppress(ValueError, TypeError, KeyError, AttributeError, OSError, RecursionError):
                other = json.loads(read_regular(path, at_most=_LARGEST_SETTINGS))["settings"]
                keys = sorted(settings.keys() | other.keys())
                differing.append([key for key in keys if settings.get(key) != other.get(key)])
        if differing:
            nearest = min(differing, key=len)
            eval_logger.info(
                "score store %s: no entries for this model and these settings yet; the most similar entries differ "
                "in %s", self.folder, shortened(", ".join(nearest), _LONGEST_SHOWN),
            )  # fmt: skip


@contextmanager
def resumable(folder: str | Path | None) -> Iterator[None]:
    """A context manager that logs, on Ctrl-C, one line about how to continue.

    Raises:
        Interrupted: replaces KeyboardInterrupt.
    """
    try:
        yield
    except KeyboardInterrupt:
        if folder is None:
            eval_logger.warning(
                "interrupted; no scores were stored. With --model_args score_store=DIR, an interrupted run can continue"
            )
        else:
            eval_logger.warning("interrupted; run the same command again to continue from the scores in %s", folder)
        raise Interrupted from None


def _has_same_labels(old: TokenScores, new: TokenScores) -> bool:
    """Whether labels, offsets and signature are equal."""
    same = all(np.array_equal(getattr(old, key), getattr(new, key)) for key in ("labels", "char_start", "char_end"))
    return same and old.signature == new.signature


def _has_same_extras(old: TokenScores, new: TokenScores) -> bool:
    """Whether the optional statistics are recorded for the same tokens."""
    return all(
        a is b or (a is not None and b is not None and np.array_equal(a, b, equal_nan=True))
        for a, b in ((getattr(old, key), getattr(new, key)) for key in OPTIONAL)
    )


def _remove_abandoned(folder: Path) -> None:
    """Remove the unfinished files of killed runs."""
    with suppress(OSError):
        unfinished = (*folder.glob("*.partial"), *folder.glob("*/*.partial"))
        remove_abandoned(unfinished, lambda path: bool(_STORE_FILES.fullmatch(path.relative_to(folder).as_posix())))
