"""The process of one checkpoint: run.yaml, the command, and the GPUs that it sees."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import replace_file, writing
from lm_eval_hesnr.messages.characters import one_line
from lm_eval_hesnr.messages.counts import counted
from lm_eval_hesnr.results.sweep.checkpoint import Checkpoint
from lm_eval_hesnr.results.sweep.settings import Options, Settings, has_store


class Command(NamedTuple):
    """What evaluates one checkpoint."""

    words: list[str]
    gpus: tuple[str, ...]
    """Values for CUDA_VISIBLE_DEVICES; empty to leave it as it is."""

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the process."""
        return os.environ | ({"CUDA_VISIBLE_DEVICES": ",".join(self.gpus)} if self.gpus else {})

    def __str__(self) -> str:
        """The command as a shell reads it."""
        visible = f"CUDA_VISIBLE_DEVICES={','.join(self.gpus)} " if self.gpus else ""
        return visible + shlex.join(self.words)


def command_of(out: Path, name: str, settings: Settings, options: Options, gpus: tuple[str, ...]) -> Command:
    """The command that evaluates a checkpoint on these GPUs."""
    launcher = [word.replace("{n}", str(max(1, len(gpus)))) for word in options.launcher]
    words = [*(launcher or [sys.executable]), "-m", "lm_eval_hesnr", "run", "--config", str(out / name / "run.yaml")]
    return Command([*words, *settings.further], gpus)


def model_args_of(checkpoint: Checkpoint, settings: Settings) -> dict[str, Any]:
    """The model arguments with which a checkpoint is evaluated, without the score store."""
    revision = {} if checkpoint.revision is None else {"revision": checkpoint.revision}
    return {"pretrained": checkpoint.pretrained, **revision, **settings.model_args, **checkpoint.model_args}


def run_file(out: Path, checkpoint: Checkpoint, settings: Settings, options: Options) -> str:
    """The content of run.yaml, from which `lm_eval run --config` evaluates the checkpoint."""
    folder = out / checkpoint.name
    store = {"score_store": str(out / "store")} if has_store(settings.model) and options.store else {}
    metadata = dict(settings.metadata)
    if options.tokens:
        metadata["token_table"] = str(folder / "tokens")
    content = {
        "model": settings.model,
        "model_args": model_args_of(checkpoint, settings) | store,
        "tasks": list(settings.tasks),
        "metadata": metadata,
        "output_path": str(folder / "results"),
    }
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def write_run_file(out: Path, checkpoint: Checkpoint, settings: Settings, options: Options, command: Command) -> None:
    """Write run.yaml, with a comment that says how to run it by hand.

    Raises:
        InputError: it cannot be written.
    """
    path = out / checkpoint.name / "run.yaml"
    how = (f"hesnr sweep wrote this file. To run it by hand, in {Path.cwd()}:", str(command))
    head = "".join(f"# {one_line(line)}\n" for line in how)
    with writing(path):
        replace_file(path, head + run_file(out, checkpoint, settings, options))


def gpu_groups(options: Options, visible: Callable[[], Sequence[str]]) -> list[tuple[str, ...]]:
    """The GPUs of each job that can run at the same time. One empty group means: one job, with all that is visible.

    Args:
        options: `gpus` and `gpus_per_model`. On a machine without a GPU, there is one job.
        visible: lists the GPUs of this machine. It is called only if `gpus` does not name some.

    Raises:
        InputError: there are too few GPUs for one job.
    """
    if not options.gpus and options.gpus_per_model is None:
        return [()]
    gpus = options.gpus or tuple(visible())
    if not gpus:  # one job on the CPU
        return [()]
    size = options.gpus_per_model or len(gpus)
    if size > len(gpus):
        raise InputError(
            f"--gpus-per-model {size}: found only {counted(len(gpus), 'GPU')}; name them with --gpus, or use fewer"
        )
    return [gpus[i : i + size] for i in range(0, len(gpus) - size + 1, size)]


def visible_gpus(environment: Mapping[str, str]) -> list[str]:
    """The GPUs that a process sees: those of CUDA_VISIBLE_DEVICES, else all of the machine."""
    given = environment.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [part for part in given.split(",") if part]
    import torch  # the import takes seconds

    return [str(i) for i in range(torch.cuda.device_count())]
