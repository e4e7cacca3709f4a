"""Digests of the content of a model, a tokenizer or a checkpoint's files. The score store keys its entries by them.

Names and paths do not count: a model that was moved or downloaded again has the same fingerprint.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import read_regular, replace_file

eval_logger = logging.getLogger("lm_eval.hesnr")

_LARGEST_CACHE = 2**24
"""Bytes. A file of weights needs about 200."""
_ORIGIN_KEYS = frozenset(
    {"_name_or_path", "name_or_path", "_commit_hash", "transformers_version", "base_model_name_or_path", "revision"}
)
"""Configuration keys that are left out. They contain a model's origin, or values that the signature also contains."""

_WEIGHT_FILES = ("*.safetensors", "pytorch_model*.bin", "adapter_model*.bin", "*.gguf")
_CONFIG_FILES = ("config.json", "adapter_config.json")


def digest(data: bytes | memoryview, size: int = 32) -> str:
    """The BLAKE2b digest of the data, `size` bytes as hexadecimal digits."""
    return hashlib.blake2b(data, digest_size=size).hexdigest()


def fingerprint_of_model(model: Any) -> str:
    """Digest of a PyTorch model: its class, configuration, adapters, and every byte of parameters and stored buffers.

    It describes the model in memory. So it changes with the revision, an adapter, quantisation, and training steps in
    this process. For a `trust_remote_code` model, it covers the name of the code's module, which contains the
    revision, but not the code itself. Computing it reads about 1 GB/s per core, on up to 8 cores.

    Raises:
        InputError: this process does not hold all weights.
    """
    config = _without_origin(model.config.to_dict())
    adapters = {name: _without_origin(vars(adapter)) for name, adapter in getattr(model, "peft_config", {}).items()}
    content = [f"{type(model).__module__}.{type(model).__qualname__}", config, adapters, _digests_of_weights(model)]
    return digest(json.dumps(content, sort_keys=True, default=_as_json).encode())


def fingerprint_of_tokenizer(tokenizer: Any) -> str:
    """Digest of a fast tokenizer's `tokenizer.json` without padding and truncation, because every call sets them."""
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    return digest(json.dumps(state | {"padding": None, "truncation": None}, sort_keys=True).encode())


def fingerprint_of_files(folder: Path, cache_folder: Path) -> str:
    """Digest of every byte of a checkpoint's weight and configuration files. For engines that do not expose the model.

    Args:
        folder: contains *.safetensors, pytorch_model*.bin, adapter_model*.bin or *.gguf, and config.json.
        cache_folder: the store's folder. Its `fingerprints.json` keeps digests by path, size and modification time.

    Raises:
        InputError: the folder contains no weights.
    """
    paths = sorted(path for pattern in _WEIGHT_FILES for path in folder.glob(pattern))
    if not paths:
        raise InputError(
            f"{folder}: found no weight files, which identify the model in the score_store; expected "
            f"{', '.join(_WEIGHT_FILES)}; run without score_store"
        )
    paths += [folder / name for name in _CONFIG_FILES if (folder / name).exists()]
    cache = cache_folder / "fingerprints.json"
    cached = _read_cache(cache)
    known = {} if cached is None else cached
    digests = [[path.name, _digest_of_file(path, known)] for path in paths]
    if cached is None:
        eval_logger.warning("score store: %s is not a file of a score store; it is not used, and stays as it is", cache)
    else:
        with suppress(OSError):  # without the cache, the next run is only slower
            replace_file(cache, json.dumps(cached))
    return digest(json.dumps(digests).encode())


def _read_cache(path: Path) -> dict[str, list[Any]] | None:
    """The digests by path; empty if there is no such file; None if it is not a file that this module wrote."""
    try:
        content = json.loads(read_regular(path, at_most=_LARGEST_CACHE))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) and all(map(_is_entry, content.values())) else None


def _is_entry(value: Any) -> bool:
    """Whether this is `[size, modification time, digest]`."""
    try:
        size, time_ns, found = value
        return isinstance(size, int) and isinstance(time_ns, int) and bool(re.fullmatch("[0-9a-f]{64}", found))
    except (TypeError, ValueError):
        return False


def _digest_of_file(path: Path, cached: dict[str, list[Any]]) -> str:
    """The file's digest, from the cache if size and modification time are the same; otherwise computed and cached."""
    status, key = path.stat(), str(path.resolve())
    stamp = [status.st_size, status.st_mtime_ns]
    if cached.get(key, [])[:2] != stamp:
        cached[key] = [*stamp, _read_and_digest(path)]
    return str(cached[key][2])


def _read_and_digest(path: Path) -> str:
    whole = hashlib.blake2b(digest_size=32)
    with path.open("rb") as file:
        while block := file.read(2**20):
            whole.update(block)
    return whole.hexdigest()


def _digests_of_weights(model: Any) -> list[list[str]]:
    """Name, dtype, shape and digest of each tensor, sorted by name."""
    from concurrent.futures import ThreadPoolExecutor

    weights = sorted(model.state_dict().items())
    if any(hasattr(tensor, "full_tensor") for _, tensor in weights):
        # tensor parallel: all processes gather the tensors together, in the same order, one at a time
        return [_digest_of_weights(name, _gathered(tensor)) for name, tensor in weights]
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return list(pool.map(_digest_of_weights, *zip(*weights, strict=True)))


def _gathered(tensor: Any) -> Any:
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor


def _digest_of_weights(name: str, tensor: Any) -> list[str]:
    import torch

    if not isinstance(tensor, torch.Tensor):
        return [name, repr(tensor)]
    if tensor.is_meta:
        raise InputError(f"score_store: the weights {name} are offloaded and cannot be read; run without score_store")
    try:
        data = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    except (RuntimeError, NotImplementedError, TypeError) as error:
        raise InputError(f"score_store: cannot read the weights {name} ({error}); run without score_store") from error
    return [name, str(tensor.dtype), str(tuple(tensor.shape)), digest(data.data)]


def _without_origin(config: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key not in _ORIGIN_KEYS}


def _as_json(value: Any) -> Any:
    """A configuration value of a type that JSON does not have: a set as a sorted list, any other type as text."""
    return sorted(map(str, value)) if isinstance(value, (set, frozenset)) else str(value)
