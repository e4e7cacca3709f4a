"""What `benchmarks/gpu.py` measures: the shapes, the parts with their limits, and the rows of each part."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Shapes:
    """What is measured, and on what."""

    device: str
    vocabularies: tuple[int, ...]
    """For `floor`."""
    length: int
    """Tokens, for `floor`."""
    large: dict[str, int]
    """The configuration of the large model, as of `Qwen2Config`."""
    large_name: str
    large_lengths: tuple[int, ...]
    """Tokens, for `large`."""
    sample: str
    """An embedded run."""
    copied: int
    """Bytes of the copy that measures the bandwidth."""
    product: int
    """Rows and columns of the matrices that measure the speed of products."""
    repeats: int


FULL = Shapes(
    "cuda", (32_768, 151_936), 8192,
    {
        "vocab_size": 152_064, "hidden_size": 3584, "intermediate_size": 18_944, "num_hidden_layers": 28,
        "num_attention_heads": 28, "num_key_value_heads": 4,
    },
    "7B shape", (32_768, 131_072), "swe-mini/gridfit", 2**32, 8192, 5,
)  # fmt: skip
"""The large model has the shape of Qwen2.5-7B."""
TINY = Shapes(
    "cpu", (2048,), 640,
    {
        "vocab_size": 2048, "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2,
    },
    "tiny shape", (640, 1280), "swe-mini/utfwalk", 2**20, 128, 1,
)  # fmt: skip

SECONDS = {"machine": 45, "floor": 50, "large": 180, "stock": 45, "head": 35, "attention": 25, "processes": 95}
"""The parts, in their order, and the seconds that are kept for each. Together they are less than 8 minutes."""
LEAST_SECONDS = 15
"""A part with less time than this is not started: loading the packages takes about as long."""


class Planned(NamedTuple):
    """A row of the table before it is measured."""

    what: str
    target: str
    baseline: str


def planned(shapes: Shapes) -> dict[str, list[Planned]]:
    """The rows of every part."""
    on, large = f"on {shapes.device}", f"{shapes.large_name} with random weights, bfloat16, on {shapes.device}"
    floor = [
        Planned(
            f"time over the floor {on}, 4 layers, V = {vocabulary}{rows}", "<= 1.05" if rows else "<= 1.03", "floor"
        )
        for vocabulary in shapes.vocabularies
        for rows in ("", ", every row")
    ]
    of_large = [
        Planned(f"{large}, {length} tokens{rows}: {what}", target or ("<= 1.05" if rows else "<= 1.03"), "body alone")
        for length in shapes.large_lengths
        for what, target in (("peak over the body", "<= 1.5 GiB"), ("time over the body", ""))
        for rows in ("", ", every row")
    ]
    own = "the model's own head"
    return {
        "machine": [
            Planned(f"copy {on}", "", ""),
            Planned(f"bfloat16 matrix product {on}", "", ""),
        ],
        "floor": floor,
        "large": of_large,
        "stock": [
            Planned(f"speed-up over stock `hf` {on}, embedded run", "> 1", "stock, one request per action"),
            Planned(f"against the definitions {on}: logprob, entropy", "<= 1e-5, <= 1e-5, 0", "definitions"),
            Planned(f"float32 {on} against float32 on a CPU: logprob, entropy", "", "CPU"),
        ],
        "head": [
            Planned(f"bfloat16 {on}, float32 head against {own}: entropies", "", own),
            Planned(f"bfloat16 {on}, float32 head against {own}: decisions", "", own),
            Planned(f"bfloat16 {on} against float32 {on}: entropies", "", "float32 weights"),
        ],
        "attention": [Planned(f"last attention {on}, float32 and bfloat16", "all rows", "")],
        "processes": [Planned(f"two processes {on}, one device", "refused or right", "one process")],
    }


class Measured(NamedTuple):
    """What a part found for one of its rows."""

    what: str
    size: str
    figure: str


class Part:
    """One part: its shapes, its limit, and the names of its rows in their order."""

    def __init__(self, name: str, shapes: Shapes, until: float) -> None:
        """Look up the names of the rows.

        Args:
            name: of the part.
            shapes: what is measured.
            until: when the part is stopped, as `time.time()` counts.
        """
        self.shapes, self.until = shapes, until
        self.names = iter([row.what for row in planned(shapes)[name]])

    def row(self, size: str, figure: str) -> Measured:
        """The next row."""
        return Measured(next(self.names), size, figure)

    @property
    def left(self) -> float:
        """Seconds until the limit."""
        return self.until - time.time()
