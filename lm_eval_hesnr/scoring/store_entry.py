"""One entry of the score store: a token table with a checksum of the whole file, and its address in the store."""

from __future__ import annotations

import errno
import json
import os
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lm_eval_hesnr.files import kind_of, read_regular
from lm_eval_hesnr.scoring.fingerprints import digest
from lm_eval_hesnr.scoring.token_scores import TokenScores
from lm_eval_hesnr.scoring.token_table import as_parquet, as_table, read_token_table

FORMAT = "hesnr-score-store"
VERSION = 1
"""Increase it if the format of entries changes, or if the same input gives other numbers than before."""

_CHECKSUM = b"hesnr-checksum:"
_NO_CHECKSUM = b"0" * 64
"""Placeholder for the checksum while it is computed."""


def read_entry(path: Path) -> tuple[str, TokenScores]:
    """Trajectory name and scores of an entry, after a check of its checksum.

    Raises:
        ValueError: the file is damaged, or it is a copy of another entry. The message is the reason.
        OSError: the file cannot be read.
    """
    data = read_regular(path)
    at = data.rfind(_CHECKSUM) + len(_CHECKSUM)
    without_checksum = data[:at] + _NO_CHECKSUM + data[at + len(_NO_CHECKSUM) :]
    if at < len(_CHECKSUM) or digest(without_checksum).encode() != data[at : at + len(_NO_CHECKSUM)]:
        raise ValueError("its checksum is wrong")
    if f'"address": "{path.parent.name}/{path.stem}"'.encode() not in data:
        raise ValueError("it is a copy of another entry")
    return read_token_table(pa.BufferReader(data))


def check_ours(path: Path) -> None:
    """Check that a file which is not a readable entry may be replaced.

    Raises:
        FileExistsError: it is a file of another program.
    """
    if kind_of(path) or not os.path.lexists(path):  # `replace_file` names a link or a special file
        return
    with suppress(OSError):  # longer than any entry
        if _is_ours(read_regular(path)):
            return
    raise FileExistsError(errno.EEXIST, "it is another program's file, expected an entry of the store", str(path))


def _is_ours(data: bytes) -> bool:
    """Whether the content is that of an entry, damaged or not, or of a token table. An empty file is damaged."""
    if not data or _CHECKSUM in data or not data.startswith(b"PAR1"):
        return not data or _CHECKSUM in data
    try:
        return b"hesnr" in (pq.read_schema(pa.BufferReader(data)).metadata or {})
    except (pa.ArrowException, OSError):  # cut off
        return True


def entry_bytes(name: str, scores: TokenScores, address: str) -> bytes:
    """A Parquet file with the token table of this address, `<settings>/<tokens>`.

    Its metadata contains the checksum of all its other bytes.
    """
    table = as_table(0, name, scores)
    metadata = table.schema.metadata | {
        b"store": json.dumps({"format": FORMAT, "version": VERSION, "address": address}).encode(),
        b"checksum": _CHECKSUM + _NO_CHECKSUM,
    }
    data = as_parquet(table.replace_schema_metadata(metadata))
    at = data.rfind(_CHECKSUM) + len(_CHECKSUM)
    return data[:at] + digest(data).encode() + data[at + len(_NO_CHECKSUM) :]
