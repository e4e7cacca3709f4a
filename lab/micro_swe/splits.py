"""Which functions training may show, and which are kept for tests.

One template in five is kept whole (split "templates"). Of the others, one function in five up to names is kept (split
"test"), by a hash of its canonical form. This holds for functions with a bug too: no function that a training task
shows or asks for, right or wrong, is shown or asked for by a test under any names.
"""

from __future__ import annotations

import hashlib
from typing import Literal, get_args

from lab.micro_swe.canonical import digest

Split = Literal["train", "test", "templates"]
SPLITS: tuple[str, ...] = get_args(Split)
KEPT = 5
"""One in this many is kept."""


def template_is_kept(name: str) -> bool:
    """Whether only the split "templates" has this template."""
    return int(hashlib.sha256(f"template {name}".encode()).hexdigest(), 16) % KEPT == 0


def is_of(source: str, split: Split) -> bool:
    """Whether a function, right or wrong, may be in this split. Each may be in "templates", if its template is kept."""
    if split == "templates":
        return True
    return (int(digest(source), 16) % KEPT == 0) == (split == "test")
