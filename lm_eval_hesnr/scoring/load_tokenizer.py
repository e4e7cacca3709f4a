"""Loads a tokenizer by its name, and turns panics of tokenizers into errors.

A tokenizer's regular expression may fail at any text, for example because it needs too many steps. The library
`tokenizers` then panics. A panic is a `BaseException` outside the tree of `Exception`, so usual code does not catch it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.messages.characters import shortened
from lm_eval_hesnr.scoring.checkpoint_source import missing_gguf


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
        with tokenizing(option):
            return AutoTokenizer.from_pretrained(name, **options)
    except Exception as error:  # the Hub's client and a tokenizer's own code may raise any error
        reason = missing_gguf(name, options) or shortened(" ".join(str(error).split()), 300)
        source = f"{name}, gguf_file={options['gguf_file']}" if options.get("gguf_file") else name
        raise InputError(f"{option}: the tokenizer {source} cannot be loaded ({reason}); name another") from error


@contextmanager
def tokenizing(place: str) -> Iterator[None]:
    """Turn a panic of `tokenizers` in the block into an error of the caller.

    Args:
        place: the trajectory, option or model, for the error line.

    Raises:
        InputError: the tokenizer panicked.
    """
    try:
        yield
    except BaseException as panic:
        if type(panic).__name__ != "PanicException":  # the class cannot be imported
            raise
        raise InputError(f"{place}: the tokenizer's own code failed ({panic}); use another tokenizer") from panic
