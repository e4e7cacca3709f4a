"""Token tables: one Parquet file per document, with one row per token. Unscored tokens have nulls."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import (
    check_writable,
    kind_of,
    make_folder,
    reason_of,
    remove_abandoned,
    replace_file,
    user_path,
)
from lm_eval_hesnr.labels import Label
from lm_eval_hesnr.scoring.list_columns import list_columns, lists_as_arrow, lists_of
from lm_eval_hesnr.scoring.statistics import ALL_EXTRAS, Extras
from lm_eval_hesnr.scoring.table_columns import COLUMNS, DOC_ID, arrays_of
from lm_eval_hesnr.scoring.table_file import damage_as_value_error, read_file
from lm_eval_hesnr.scoring.token_scores import TokenScores, characters_of_tokens

eval_logger = logging.getLogger("lm_eval.hesnr")

_NAME = re.compile(r"\d{5,}-[A-Za-z0-9._-]{0,100}\.parquet")
"""The names of token tables."""

_WITH_DICTIONARY = ("doc_id", "token_id", "label", "rank", "n_bytes", "text")
_ENCODINGS = dict.fromkeys(("position", "char_start", "char_end"), "DELTA_BINARY_PACKED") | dict.fromkeys(
    ("logprob", "entropy", "top_mass", "collision", "log_z.list.element", "top_logits.list.element"),
    "BYTE_STREAM_SPLIT",
)
"""How Parquet stores each column. By default it makes a dictionary for every column, which needs 2 to 3 times as much
space for numbers that hardly ever repeat."""


@dataclass(frozen=True, slots=True)
class TokenTableFile:
    """The file of one document's token table, and the task's part of the signature in it.

    Raises:
        InputError: another file has its name. It is refused here, before anything is scored.
    """

    folder: Path
    doc_id: int
    name: str
    """The name of the trajectory."""
    signature: dict[str, Any]

    def __post_init__(self) -> None:
        _check_ours(_path(self.folder, self.doc_id, self.name))

    def write(self, scores: TokenScores, text: str) -> Path:
        """Write the table and return its path. Errors are those of `write_token_table`.

        Args:
            scores: the scores of the document's tokens.
            text: the rendered text that the tokens' characters refer to.
        """
        whole = replace(scores, signature=scores.signature | self.signature)
        return write_token_table(self.folder, self.doc_id, self.name, whole, text)


class TableWriter:
    """Writes the token tables of one run. The run continues without those that cannot be written."""

    def __init__(self) -> None:
        self.n_written = self.n_missing = 0

    def write(self, table: TokenTableFile, scores: TokenScores, text: str) -> None:
        """Write one table. The first failure is logged."""
        try:
            table.write(scores, text)
            self.n_written += 1
        except (OSError, InputError) as error:
            reason = reason_of(error) if isinstance(error, OSError) else str(error)
            if not self.n_missing:
                eval_logger.warning("token_table: %s; the run continues, and tries to write the next tables", reason)
            self.n_missing += 1

    def log_missing(self) -> None:
        """Log how many tables are missing, if there are some."""
        if self.n_missing:
            eval_logger.warning(
                "token_table: %d of %d tables could not be written and are missing in the folder; the numbers of this "
                "run are complete; run again to write all tables (with score_store=DIR, stored scores are used)",
                self.n_missing, self.n_written + self.n_missing,
            )  # fmt: skip


def table_folder(folder: str | Path) -> Path:
    """The folder of token tables, made if it does not exist, without the unfinished files that killed runs left.

    Raises:
        InputError: the folder cannot be created or written to.
    """
    path = make_folder(folder, "token_table")
    check_writable(path, f"token_table {folder}")
    remove_abandoned(list(path.glob("*.partial")), lambda final: bool(_NAME.fullmatch(final.name)))
    return path


def table_folder_of_task(folder: str | Path, task: str) -> Path:
    """As `table_folder`, for one of several tasks: a folder with the task's name, inside the folder."""
    name = file_name(task)
    return table_folder(user_path(folder) / (name if name.strip(".") else "_"))


def write_token_table(folder: Path, doc_id: int, name: str, scores: TokenScores, text: str | None = None) -> Path:
    """Write `<doc_id>-<name>.parquet` into the folder, completely or not at all. Return its path.

    Columns: doc_id, position, token_id, label, char_start, char_end, logprob, entropy, rank, top_mass, collision,
    n_bytes, the columns of `list_columns` that the scores have, and, if the text is given, text: the characters of each
    token, each character once. The file's metadata contains the run's signature as JSON under `hesnr`, and the
    trajectory's name under `trajectory`.

    Raises:
        InputError: another file has this name, or the folder cannot be made. The file is unchanged.
        OSError: the table cannot be written. An older table of this document is removed, because it would be read as
            a part of this run.
    """
    path = _path(make_folder(folder, "token_table"), doc_id, name)
    _check_ours(path)
    try:
        replace_file(path, as_parquet(as_table(doc_id, name, scores, text)), sync=True)
    except OSError as error:
        if not isinstance(error, FileExistsError):  # another program's file, made since the check
            path.unlink(missing_ok=True)
        raise
    return path


def _path(folder: Path, doc_id: int, name: str) -> Path:
    return folder / f"{doc_id:05d}-{file_name(name)}.parquet"


def file_name(name: str) -> str:
    """A name as a part of a path: at most 100 letters, digits, dots, `_` and `-`."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name)[:100]


def _check_ours(path: Path) -> None:
    """Raise InputError if there is something that is not a token table."""
    found = kind_of(path)
    if found is None:
        try:
            is_ours = {b"hesnr", b"trajectory"} <= (pq.read_schema(path).metadata or {}).keys()
        except FileNotFoundError:
            return
        except (pa.ArrowException, OSError):
            is_ours = False
        found = None if is_ours else "another file"
    if found:
        raise InputError(
            f"{path}: is {found}, and not a token table; move it, or choose another folder for token_table"
        )


def read_token_table(path: Path | pa.BufferReader, extras: Extras = ALL_EXTRAS) -> tuple[str, TokenScores]:
    """The trajectory's name and its scores, as `write_token_table` wrote them.

    Args:
        path: the file.
        extras: the optional statistics to read, if the file has them. The others are not read, and None.

    Raises:
        ValueError: the file is not a token table, or contains impossible values. The message is the reason.
    """
    return read_numbered_table(path, extras)[1:]


def read_numbered_table(
    path: Path | pa.BufferReader, extras: Extras = ALL_EXTRAS
) -> tuple[int | None, str, TokenScores]:
    """As `read_token_table`, with the document's number first; None if the table has no rows or no numbers.

    Raises:
        ValueError: as in `read_token_table`.
    """
    lists = list_columns(extras)
    file = read_file(path, [*COLUMNS, *lists, DOC_ID])
    with damage_as_value_error():
        arrays = arrays_of(file.columns, file.k)
        arrays |= lists_of(file.columns, lists, file.k, arrays)
        has_number = len(file.columns) and DOC_ID.name in file.columns.column_names
        number = file.columns.column(DOC_ID.name)[0].as_py() if has_number else None
    return number, file.name, TokenScores(k=file.k, signature=file.signature, **arrays)


def as_parquet(table: pa.Table) -> bytes:
    """The table as the bytes of a compressed Parquet file, with a checksum per page that `read_token_table` checks."""
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        compression="zstd",
        write_page_checksum=True,
        use_dictionary=list(_WITH_DICTIONARY),
        column_encoding=_ENCODINGS,
    )
    content: bytes = sink.getvalue().to_pybytes()
    return content


def as_table(doc_id: int, name: str, scores: TokenScores, text: str | None = None) -> pa.Table:
    """The Arrow table that `write_token_table` writes, with its metadata."""
    n_tokens = len(scores.token_ids)
    missing = ~scores.scored
    label_names = pa.array([label.label_name for label in Label])  # not at import: pyarrow then imports pandas
    columns: dict[str, Any] = {
        "doc_id": pa.array([doc_id] * n_tokens, pa.int32()),
        "position": pa.array(range(n_tokens), pa.int32()),
        "token_id": pa.array(scores.token_ids, pa.int32()),
        "label": pa.DictionaryArray.from_arrays(pa.array(scores.labels, pa.int8()), label_names),
        "char_start": pa.array(scores.char_start, pa.int32()),
        "char_end": pa.array(scores.char_end, pa.int32()),
        "logprob": pa.array(scores.logprob, pa.float32(), mask=missing),
        "entropy": pa.array(scores.entropy, pa.float32(), mask=missing),
        "rank": pa.array(scores.rank, pa.int32(), mask=missing),
        "top_mass": pa.array(scores.top_mass, pa.float32(), mask=missing),
        "collision": pa.array(scores.collision, pa.float32(), mask=missing),
        "n_bytes": pa.array(scores.n_bytes, pa.int32()),
    }
    if np.isnan(scores.collision[scores.scored]).any():  # from an entry of the score store of an older version
        del columns["collision"]
    columns |= lists_as_arrow(scores)
    if text is not None:
        spans = zip(*characters_of_tokens(scores.char_start, scores.char_end), strict=True)
        columns["text"] = pa.array([text[start:end] for start, end in spans], pa.string())
    metadata = {"hesnr": json.dumps(scores.signature), "trajectory": name}
    return pa.table(columns).replace_schema_metadata(metadata)
