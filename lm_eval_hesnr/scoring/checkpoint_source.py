"""Which files of a checkpoint are read: those in its folder, or one GGUF file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lm_eval_hesnr.files import is_file, is_folder
from lm_eval_hesnr.messages.counts import first_names

_SOURCE = ("revision", "subfolder", "gguf_file", "trust_remote_code")


def source_options(model_args: Mapping[str, Any]) -> dict[str, Any]:
    """The model arguments that say which files of a checkpoint are read, for `from_pretrained` of `transformers`."""
    return {key: model_args[key] for key in _SOURCE if key in model_args}


def gguf_files(folder: str) -> str:
    """The names of the first GGUF files in a folder, for a message; empty if there are none."""
    return first_names(sorted(path.name for path in Path(folder).glob("*.gguf") if path.is_file()))


def missing_gguf(folder: str, options: Mapping[str, Any]) -> str | None:
    """What to say if `gguf_file=` is given and the folder does not have this file; None if that is not so.

    Args:
        folder: the folder, or a name on the Hub, for which the result is None.
        options: model arguments.
    """
    name = options.get("gguf_file")
    if not name or options.get("subfolder") or not is_folder(folder) or not os.access(folder, os.R_OK | os.X_OK):
        return None
    if is_file(Path(folder) / str(name)):
        return None
    found = gguf_files(folder)
    return f"the folder has no such GGUF file; {f'it has {found}' if found else 'give the folder that has it'}"
