"""Whether the files of a checkpoint are complete, seen from their headers. No weight is read."""

from __future__ import annotations

import os
import struct
import zipfile
from pathlib import Path
from typing import Any

from lm_eval_hesnr.files import open_regular, read_regular
from lm_eval_hesnr.results.json_checks import decoded_json

_INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
_SINGLE = ("model.safetensors", "pytorch_model.bin")
_TOKENIZERS = (
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "vocab.json",
    "spiece.model",
    "tekken.json",
)
_LONGEST_HEADER = 2**27
"""Bytes of a safetensors header or of an index. A model with 100 000 tensors has about 10 MB."""
_OTHER_FORMATS = (".metadata", "*.distcp", "latest_checkpointed_iteration.txt", "mp_rank_*", "iter_*/mp_rank_*")

CONVERT = "is not a Hugging Face folder; convert it (torchtitan: scripts/checkpoint_conversion/convert_to_hf.py)"


def fault_of(folder: Path, *, needs_tokenizer: bool = True) -> str | None:
    """What is missing or incomplete in a checkpoint's folder; None if its weights, config and tokenizer are complete.

    Raises:
        FileNotFoundError: the folder was removed meanwhile.
        OSError: a file cannot be read, for example because it is a named pipe.
    """
    names = {path.name for path in folder.iterdir()}
    if "config.json" not in names:
        if any(any(folder.glob(pattern)) for pattern in _OTHER_FORMATS):
            return CONVERT
        return "has no config.json"
    if _json(folder / "config.json") is None:
        return "config.json is incomplete"
    try:
        for path in weight_files(folder):
            if not path.is_file():
                return f"{path.name} is missing"
            if not _is_whole(path):
                return f"{path.name}: its length is not the one in its header"
    except ValueError as error:
        return str(error)
    if needs_tokenizer and not any(name in names for name in _TOKENIZERS):
        return "has no tokenizer (give tokenizer= in --model_args if it is elsewhere)"
    json_files = [folder / name for name in ("tokenizer.json", "tokenizer_config.json") if name in names]
    return next((f"{path.name} is cut" for path in json_files if not _ends_whole(path)), None)


def weight_files(folder: Path) -> list[Path]:
    """The files with the weights: those that an index names, or the single file.

    Raises:
        ValueError: there are no weights, or an index is incomplete.
    """
    for name in _INDEXES:
        if (folder / name).exists():
            index = _json(folder / name)
            shards = index.get("weight_map") if isinstance(index, dict) else None
            if not isinstance(shards, dict) or not all(isinstance(shard, str) for shard in shards.values()):
                raise ValueError(f"{name} is incomplete")
            return [folder / shard for shard in sorted(set(shards.values()))]
    for name in _SINGLE:
        if (folder / name).exists():
            return [folder / name]
    if any(folder.glob("model-*-of-*.safetensors")):
        raise ValueError(f"{_INDEXES[0]} is missing")
    raise ValueError("has no weights (model.safetensors, or an index of several files)")


def _is_whole(path: Path) -> bool:
    if path.suffix != ".safetensors":
        return zipfile.is_zipfile(path)  # the list of a zip's files is at its end
    found = _header(path)
    if found is None:
        return False
    start, header = found
    try:
        ends = [one["data_offsets"][1] for name, one in header.items() if name != "__metadata__"]
        return bool(start + max(ends, default=0) == path.stat().st_size)
    except (TypeError, KeyError, IndexError):
        return False


def _header(path: Path) -> tuple[int, dict[str, Any]] | None:
    """Where the data of a safetensors file begins, and its header; None if the file is cut before."""
    with path.open("rb") as file:
        first = file.read(8)
        length = struct.unpack("<Q", first)[0] if len(first) == 8 else 0
        if not 0 < length <= min(_LONGEST_HEADER, path.stat().st_size - 8):
            return None
        try:
            header = decoded_json(file.read(length))
        except (ValueError, RecursionError):
            return None
    return (8 + length, header) if isinstance(header, dict) else None


def _json(path: Path) -> Any:
    """The decoded file; None if it is missing, too long, not a regular file, or not JSON."""
    try:
        return decoded_json(read_regular(path, at_most=_LONGEST_HEADER))
    except (OSError, ValueError, RecursionError):
        return None


def _ends_whole(path: Path) -> bool:
    """Whether the last character of a JSON object is there."""
    with open_regular(path) as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - 64))
        return file.read().rstrip().endswith(b"}")
