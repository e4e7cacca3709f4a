"""A checkpoint without some of the model's weights is refused: transformers would give them random values.

A checkpoint with more weights than the model uses gives a warning.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from lm_eval_hesnr.messages.counts import counted, first_names

eval_logger = logging.getLogger("lm_eval.hesnr")


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
            raise ValueError(
                f"the checkpoint lacks {counted(len(missing), 'weight')} of the model ({first_names(missing)}), which "
                "would be random; check that config.json belongs to these weights, and that all their files are there"
            )
        if unused := sorted(found.get("unexpected_keys", ())):  # often on purpose, such as those of a value head
            eval_logger.warning(
                "%s: the model does not use %d weights of the checkpoint (%s); check that config.json belongs to these "
                "weights", args[0] if args else "hf-topk", len(unused), first_names(unused),
            )  # fmt: skip
        return model
