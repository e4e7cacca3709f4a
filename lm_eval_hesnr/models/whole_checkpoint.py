"""A checkpoint without some of the model's weights is refused: transformers would give them random values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from lm_eval_hesnr.messages.counts import counted

_MOST_NAMED = 3


@contextmanager
def only_whole_checkpoints(lm: Any) -> Iterator[None]:
    """While the context is open, the harness's model loads only checkpoints that have all weights.

    Args:
        lm: a model of the harness. It loads with `AUTO_MODEL_CLASS.from_pretrained`.

    Raises:
        ValueError: weights are missing. The message names some of them.
    """
    auto_class = lm.AUTO_MODEL_CLASS
    lm.AUTO_MODEL_CLASS = _WholeOnly(auto_class)
    try:
        yield
    finally:
        lm.AUTO_MODEL_CLASS = auto_class


class _WholeOnly(NamedTuple):
    auto_class: Any

    def from_pretrained(self, *args: Any, **kwargs: Any) -> Any:
        """The model of `auto_class.from_pretrained`, if the checkpoint has all of its weights."""
        model, found = self.auto_class.from_pretrained(*args, **kwargs, output_loading_info=True)
        if missing := sorted(found["missing_keys"]):
            named = ", ".join(missing[:_MOST_NAMED]) + (", ..." if missing[_MOST_NAMED:] else "")
            raise ValueError(
                f"the checkpoint lacks {counted(len(missing), 'weight')} of the model ({named}), and they would be "
                "random; check that config.json belongs to these weights, and that all their files are there"
            )
        return model
