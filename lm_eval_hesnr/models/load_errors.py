"""Why a checkpoint could not be loaded, in one line.

The code that loads a checkpoint is that of the harness, transformers and the checkpoint. It raises errors of any type,
and often without a sentence.
"""

from __future__ import annotations

import os
import pickle
import re
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import is_folder
from lm_eval_hesnr.messages.characters import shortened
from lm_eval_hesnr.scoring.checkpoint_source import gguf_files, missing_gguf

_OTHER_SOURCES = ("revision", "subfolder", "gguf_file", "tokenizer", "peft", "delta")
"""Arguments that name another thing to load. The error may be about it, and often does not say so."""

_PLAIN = (OSError, ValueError, RuntimeError, ImportError)
"""Errors whose text is a sentence. The names of other types are a part of the message."""

_LONGEST = 600


def load_error(name: str, pretrained: object, options: Mapping[str, Any], error: BaseException) -> InputError:
    """The error for the user.

    Args:
        name: the model's name for `--model`.
        pretrained: the folder, or the name on the Hub.
        options: the other model arguments.
        error: what the constructor raised.
    """
    others = "".join(f", {key}={options[key]}" for key in _OTHER_SOURCES if options.get(key))
    return InputError(f"{name}, pretrained={pretrained}{others}: {_reason(pretrained, options, others, error)}")


def _reason(pretrained: object, options: Mapping[str, Any], others: str, error: BaseException) -> str:
    is_found = not isinstance(pretrained, str) or is_folder(pretrained)
    if not is_found and str(pretrained).startswith(("/", ".", "~")):  # never a name on the Hub
        return "there is no such folder; give the checkpoint's folder, or a name on the Hub"
    text = _text(error)
    if not is_found:
        return f"there is no such folder, and loading this name from the Hub fails: {text}"
    if not isinstance(pretrained, str):
        return text
    if missing := missing_gguf(pretrained, options):
        return missing
    if not others and os.access(pretrained, os.X_OK) and not (Path(pretrained) / "config.json").is_file():
        what_to_do = "give the checkpoint's folder"
        if found := gguf_files(pretrained):
            what_to_do = f"add gguf_file=NAME to read one of its GGUF files: {found}"
        return f"the folder has no config.json; {what_to_do} ({text})"
    return text


def _text(error: BaseException) -> str:
    if isinstance(error, pickle.UnpicklingError):
        return "its weights are a pickle that may run code; convert them to safetensors, where you trust their source"
    text = " ".join(str(error).split())
    if isinstance(error, SafetensorError):
        return f"a safetensors file is damaged ({text}); download or write the checkpoint again"
    if "ignore_mismatched_sizes" in text:
        return "its weights have other shapes than its config.json says; the report above names them"
    frames = traceback.extract_tb(error.__traceback__)
    if "docstring" in text and sys.flags.optimize > 1:
        return f"transformers needs docstrings, which -OO and PYTHONOPTIMIZE=2 remove: {shortened(text, _LONGEST)}"
    if not text and frames:
        text = f"failed at `{frames[-1].line}`"
    shown = text if isinstance(error, _PLAIN) else f"{type(error).__name__}: {text}"
    if any(frame.name == "_create_tokenizer" for frame in frames):  # the harness's method
        shown = f"the tokenizer cannot be loaded: {shown}"
    return shortened(shown, _LONGEST)


def checked_source(pretrained: Any) -> Any:
    """`pretrained` as `hf` expects it: a text, or a model.

    Raises:
        InputError: it is neither a folder, a name, nor a model.
    """
    if isinstance(pretrained, os.PathLike):
        return os.fspath(pretrained)
    if not isinstance(pretrained, str) and not hasattr(pretrained, "forward"):
        raise InputError(f"pretrained={pretrained!r}: expected a checkpoint's folder, or a name on the Hub")
    return pretrained


def refuse_pickled_code(options: Mapping[str, Any]) -> None:
    """Refuse `weights_only=False`, with which a pickled checkpoint can run any code.

    Raises:
        InputError: it is given.
    """
    if re.fullmatch("false|0|no", str(options.get("weights_only")).lower()):
        raise InputError(
            "weights_only=False: pickled weights could run any code; leave it out, and convert them to safetensors"
        )
