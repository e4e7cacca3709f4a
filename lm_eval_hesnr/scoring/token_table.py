"""Token tables: one Parquet file per document, with one row per token. Unscored tokens have nulls."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lm_eval_hesnr.files import make_folder, replace_file
from lm_eval_hesnr.labels import Label
from lm_eval_hesnr.scoring.token_scores import TokenScores

_COLUMNS = ("token_id", "label", "char_start", "char_end", "logprob", "entropy", "rank", "top_mass")
_CODES = {label.label_name: int(label) for label in Label}
_LABEL_NAMES = pa.array([label.label_name for label in Label])


@dataclass(frozen=True, slots=True)
class TokenTableFile:
    """The file of one document's token table, and the task's part of the signature in it."""

    folder: Path
    doc_id: int
    name: str
    """The name of the trajectory."""
    signature: dict[str, Any]

    def write(self, scores: TokenScores) -> Path:
        """Write the table and return its path."""
        whole = replace(scores, signature=scores.signature | self.signature)
        return write_token_table(self.folder, self.doc_id, self.name, whole)


def write_token_table(folder: Path, doc_id: int, name: str, scores: TokenScores) -> Path:
    """Write `<doc_id>-<name>.parquet` into the folder, completely or not at all. Return its path.

    Columns: doc_id, position, token_id, label, char_start, char_end, logprob, entropy, rank, top_mass. The file's
    metadata contains the run's signature as JSON under `hesnr`, and the trajectory's name under `trajectory`.
    """
    path = make_folder(folder, "token_table") / f"{doc_id:05d}-{re.sub(r'[^A-Za-z0-9._-]+', '_', name)[:100]}.parquet"
    replace_file(path, as_parquet(as_table(doc_id, name, scores)))
    return path


def read_token_table(path: Path) -> tuple[str, TokenScores]:
    """The trajectory's name and its scores, as `write_token_table` wrote them.

    Raises:
        ValueError: the file is not a token table. The message is the reason.
    """
    try:
        table = pq.read_table(path)
        metadata = table.schema.metadata or {}
        signature = json.loads(metadata[b"hesnr"])
        name, k = metadata[b"trajectory"].decode(), int(signature["k"])
        columns = {column: table.column(column) for column in _COLUMNS}
        labels = columns["label"].combine_chunks()
        codes = np.array([_CODES[label] for label in labels.dictionary.to_pylist()], np.uint8)
    except (pa.ArrowException, OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"not a token table ({error})") from error
    scored = columns["logprob"].is_valid().to_numpy()

    def _floats(column: str) -> np.ndarray:
        return columns[column].to_numpy().astype(np.float32)

    return name, TokenScores(
        token_ids=columns["token_id"].to_numpy(),
        labels=codes[labels.indices.to_numpy()],
        char_start=columns["char_start"].to_numpy(),
        char_end=columns["char_end"].to_numpy(),
        scored=scored,
        logprob=_floats("logprob"),
        entropy=_floats("entropy"),
        rank=columns["rank"].fill_null(0).to_numpy(),
        top_mass=_floats("top_mass"),
        k=k,
        signature=signature,
    )


def as_parquet(table: pa.Table) -> bytes:
    """The table as the bytes of a compressed Parquet file."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    content: bytes = sink.getvalue().to_pybytes()
    return content


def as_table(doc_id: int, name: str, scores: TokenScores) -> pa.Table:
    """The Arrow table that `write_token_table` writes, with its metadata."""
    n_tokens = len(scores.token_ids)
    missing = ~scores.scored
    columns: dict[str, Any] = {
        "doc_id": pa.array([doc_id] * n_tokens, pa.int32()),
        "position": pa.array(range(n_tokens), pa.int32()),
        "token_id": pa.array(scores.token_ids, pa.int32()),
        "label": pa.DictionaryArray.from_arrays(pa.array(scores.labels, pa.int8()), _LABEL_NAMES),
        "char_start": pa.array(scores.char_start, pa.int32()),
        "char_end": pa.array(scores.char_end, pa.int32()),
        "logprob": pa.array(scores.logprob, pa.float32(), mask=missing),
        "entropy": pa.array(scores.entropy, pa.float32(), mask=missing),
        "rank": pa.array(scores.rank, pa.int32(), mask=missing),
        "top_mass": pa.array(scores.top_mass, pa.float32(), mask=missing),
    }
    escaped = name.encode("utf-8", "backslashreplace")  # a name from JSON may contain half a surrogate pair
    metadata = {"hesnr": json.dumps(scores.signature), "trajectory": escaped}
    return pa.table(columns).replace_schema_metadata(metadata)
