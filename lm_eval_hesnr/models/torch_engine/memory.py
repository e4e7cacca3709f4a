"""How many rows of logits and how many tokens are run at once, for a given number of bytes."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import psutil  # type: ignore[import-untyped]
import torch

from lm_eval_hesnr.errors import InputError

_CHUNKS = (4096, 2048, 1024, 512)
SMALLEST_CHUNK = 256
"""In tokens. Matrix products with fewer rows are rounded differently, by more than the allowed 1e-5."""
_LARGEST_BUFFER = 2**28 - 2**23
"""In bytes. If every row is wanted, 2048 tokens then need less than 128 MiB more than the body of a small model."""
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}


class ModelShape(NamedTuple):
    """The sizes of a model that determine how much memory it needs."""

    layers: int
    hidden: int
    inner: int
    """Width of the feed-forward layers."""
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    itemsize: int
    """Bytes per number."""
    attention: str
    """`sdpa`, `eager`, or the name of a kernel that does not need an attention mask."""
    has_windows: bool
    """Whether some layers have a sliding window. They need an attention mask even for a whole text."""

    @classmethod
    def of(cls, model: Any, vocabulary: int) -> ModelShape:
        """The shape from a model's configuration. Missing sizes are guessed from the hidden size."""
        config = model.config.get_text_config()

        def _size(*names: str, default: int) -> int:
            numbers = (_setting(config, name) for name in names)
            return next((number for number in numbers if isinstance(number, int) and number > 0), default)

        hidden = _size("hidden_size", "n_embd", "d_model", default=model.get_input_embeddings().weight.shape[-1])
        heads = _size("num_attention_heads", "n_head", "n_heads", default=max(hidden // 64, 1))
        kinds = set(_setting(config, "layer_types") or []) - {"full_attention"}
        window = _setting(config, "sliding_window") if getattr(config, "use_sliding_window", True) else None
        return cls(
            layers=_size("num_hidden_layers", "n_layer", "n_layers", default=1),
            hidden=hidden,
            inner=_size("intermediate_size", "ffn_dim", "n_inner", default=4 * hidden),
            heads=heads,
            kv_heads=_size("num_key_value_heads", default=heads),
            head_dim=_size("head_dim", default=max(hidden // heads, 1)),
            vocabulary=vocabulary,
            itemsize=model.dtype.itemsize,
            attention=str(getattr(config, "_attn_implementation", None) or "eager"),
            has_windows=any("attention" in str(kind) for kind in kinds) or bool(window),
        )

    def one_shot_bytes(self, n_tokens: int) -> int:
        """Bytes for one call over n tokens without a cache, in addition to the weights and without the head."""
        return self._activations(n_tokens) + self._mask(n_tokens, n_tokens)

    def chunked_bytes(self, n_tokens: int, chunk: int) -> int:
        """Bytes for n tokens in chunks: the keys and values of all tokens, and the activations of one chunk."""
        return self.cache_bytes(n_tokens) + self._activations(chunk) + self._mask(chunk, n_tokens)

    def cache_bytes(self, n_tokens: int) -> int:
        """Bytes of the keys and values of n tokens, and of one layer again while it grows."""
        return (self.layers + 1) * 2 * self.kv_heads * self.head_dim * self.itemsize * n_tokens

    def _activations(self, n_tokens: int) -> int:
        return n_tokens * (3 * self.inner + 4 * self.hidden) * self.itemsize

    def _mask(self, queries: int, keys: int) -> int:
        if self.attention == "eager":  # the attention scores of all heads, and their softmax in float32
            return self.heads * queries * keys * (self.itemsize + 4)
        if self.attention != "sdpa" or (queries == keys and not self.has_windows):
            return 0
        # a bool mask and its float copy; with a mask, keys and values are repeated for all heads
        repeated = 2 * self.heads * self.head_dim * keys * self.itemsize if self.kv_heads < self.heads else 0
        return queries * keys * (1 + self.itemsize) + repeated


class Budget:
    """Block sizes for one model. They shrink if the device still runs out of memory."""

    def __init__(self, shape: ModelShape, n_bytes: int, *, on_cpu: bool, buffer_itemsize: int = 0) -> None:
        """Choose the rows per block.

        Args:
            shape: the model's shape.
            n_bytes: bytes that scoring may use in addition to the weights.
            on_cpu: whether the device is a CPU. There a block has at most 128 rows and 128 MiB of logits. On a GPU,
                it takes up to 1 GiB.
            buffer_itemsize: bytes per logit if all blocks are computed in one buffer; 0 without a buffer. With one,
                a block on a CPU has at most 512 rows and 248 MiB of logits. The head's weights are read from memory
                once per block, so larger blocks are faster. But a large block in new memory costs more than this saves.
        """
        self.shape, self.n_bytes = shape, n_bytes
        # A buffer, which only a CPU has, needs no more than itself: statistics copy a few rows at a time. Without a
        # buffer, a block counts twice in float32, because the model's own head may copy the logits.
        itemsize = buffer_itemsize if on_cpu and buffer_itemsize else 8
        row_bytes = itemsize * shape.vocabulary
        if on_cpu:
            most = min(128, 2**27 // (4 * shape.vocabulary))
            if buffer_itemsize:
                most = min(512, _LARGEST_BUFFER // (buffer_itemsize * shape.vocabulary))
        else:
            most = 2**30 // row_bytes
        self.row_bytes = row_bytes
        self.rows = max(min(most, n_bytes // 4 // row_bytes), 1)
        self.largest_chunk: int | None = None
        """In tokens; None as long as memory has not run out."""

    def chunk(self, n_tokens: int) -> int | None:
        """Tokens per call for a text of n tokens; None for all of them in one call without a cache.

        A cache also needs memory. For a deep model with narrow layers, this can be more than the chunks save.
        """
        if self.largest_chunk is not None and n_tokens > self.largest_chunk:
            sizes = [size for size in _CHUNKS if size <= self.largest_chunk] or [self.largest_chunk]
        elif self.shape.one_shot_bytes(n_tokens) <= self.n_bytes:
            return None
        else:
            sizes = [size for size in _CHUNKS if size < n_tokens]
            if not sizes or self.shape.one_shot_bytes(n_tokens) <= self._chunked_bytes(n_tokens, sizes[-1]):
                return None
        return next((size for size in sizes if self._chunked_bytes(n_tokens, size) <= self.n_bytes), sizes[-1])

    def _chunked_bytes(self, n_tokens: int, chunk: int) -> int:
        """Bytes for n tokens in chunks: next to the cache are a chunk's activations, and then a block of logits."""
        cache = self.shape.cache_bytes(n_tokens)
        return max(self.shape.chunked_bytes(n_tokens, chunk), cache + self.rows * self.row_bytes)

    def least(self, n_tokens: int, *, can_chunk: bool) -> int:
        """The smallest number of bytes for a text of n tokens, in one call or in chunks, with one block of rows."""
        sizes = [size for size in _CHUNKS if size < n_tokens] if can_chunk else []
        in_one_call = max(self.shape.one_shot_bytes(n_tokens), self.rows * self.row_bytes)
        return min([in_one_call, *(self._chunked_bytes(n_tokens, size) for size in sizes)])

    @property
    def rows_per_call(self) -> int:
        """Rows of logits that a model may compute in one call if its head cannot run separately."""
        return max(self.n_bytes // 4 // (self.shape.vocabulary * self.shape.itemsize), self.rows)

    def halve(self, n_tokens: int, *, can_chunk: bool) -> bool:
        """Halve the rows and the chunk, because n tokens needed too much memory; false if nothing can be halved."""
        chunk = min(self.chunk(n_tokens) or n_tokens, n_tokens)
        smaller_chunk = can_chunk and chunk > SMALLEST_CHUNK
        if self.rows == 1 and not smaller_chunk:
            return False
        self.rows, self.n_bytes = max(self.rows // 2, 1), self.n_bytes // 2
        if smaller_chunk:
            self.largest_chunk = max(1 << (chunk // 2).bit_length() - 1, SMALLEST_CHUNK)
        return True


def _setting(config: Any, name: str) -> Any:
    """A setting; None if it is missing or differs between layers (`transformers` may then raise anything)."""
    try:
        return getattr(config, name, None)
    except Exception:
        return None


def parse_bytes(text: str | int) -> int:
    """A number of bytes, from a text with or without a unit: 2147483648, "2GiB", "500 MB".

    Raises:
        InputError: the text is not a positive number of bytes.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?i?)b?\s*", str(text).lower())
    n_bytes = int(float(found[1]) * _UNITS[found[2]]) if found and found[2] in _UNITS else 0
    if n_bytes <= 0:
        raise InputError(f"mem_budget={text}: expected bytes, as in mem_budget=2147483648 or mem_budget=2GiB")
    return n_bytes


def default_bytes(device: torch.device) -> int:
    """Bytes that scoring uses by default: 9/10 of a CUDA device's free memory, or half of the CPU's free memory.

    The processes of one machine share the CPU's memory equally. The memory limits of containers and batch jobs are
    respected.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return (free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)) * 9 // 10
    available = min([int(psutil.virtual_memory().available), *_bytes_left_in_control_groups()])
    return max(available, 1) // (2 * int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def _bytes_left_in_control_groups(root: Path = Path("/")) -> list[int]:
    """Bytes left under each memory limit of Linux for this process, such as that of a container or a batch job."""
    left = []
    with suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                top, limit, usage, cached = "", "memory.max", "memory.current", "inactive_file"
            elif "memory" in controllers.split(","):
                top, limit, usage = "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
                cached = "total_inactive_file"
            else:
                continue
            own = Path(path.lstrip("/"))
            for folder in (root / "sys/fs/cgroup" / top / each for each in (own, *own.parents)):
                with suppress(OSError, ValueError, KeyError):  # there is no such group, or it has no limit
                    most = int((folder / limit).read_text())
                    usages = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
                    left.append(most - int((folder / usage).read_text()) + int(usages[cached]))
    return left


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the error says that a device or the CPU's allocator is out of memory."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and ("can't allocate memory" in str(error) or "not enough memory" in str(error))
    )
