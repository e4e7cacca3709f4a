"""Loads a tokenizer by its name."""

from __future__ import annotations

from typing import Any

from lm_eval_hesnr.errors import InputError


def load_tokenizer(name: str, option: str, **options: Any) -> Any:
    """The tokenizer of `transformers` in a folder or under a name on the Hub.

    Args:
        name: the folder, or the name.
        option: the user's option that needs the tokenizer, for the error line.
        **options: as in `AutoTokenizer.from_pretrained`.

    Raises:
        InputError: the tokenizer cannot be loaded.
    """
    from transformers import AutoTokenizer  # the import takes seconds

    try:
        return AutoTokenizer.from_pretrained(name, **options)
    except Exception as error:  # the Hub's client and a tokenizer's own code may raise any error
        reason = " ".join(str(error).split())
        raise InputError(f"{option}: the tokenizer {name} cannot be loaded ({reason:.300}); name another") from error
