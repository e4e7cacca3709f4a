"""The settings of a sweep: those that change numbers, and those that only say how it runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.messages.characters import shortened
from lm_eval_hesnr.results.sweep.checkpoint import Checkpoint, resolved

OWN_MODEL_ARGS = ("pretrained", "revision", "score_store")
"""Model arguments that the sweep sets itself."""
_LONGEST_SHOWN, _MOST_SHOWN = 500, 20
"""Characters of a differing setting in a message, and the number of settings."""
_WITH_STORE = ("hf-topk", "vllm-topk")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What every checkpoint of a sweep is evaluated with. Runs with other settings cannot be in the same table."""

    tasks: tuple[str, ...] = ("swe_hesnr",)
    model: str = "hf-topk"
    model_args: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Options of the task, with the trajectories."""
    further: tuple[str, ...] = ()
    """Further options of `lm_eval run`."""

    def as_json(self) -> dict[str, Any]:
        """The settings as they are in sweep.json. Paths of trajectories are absolute: the working folder can change."""
        content: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        paths = content["metadata"].get("trajectories")
        if isinstance(paths, (str, list)):
            found = [resolved(str(one)) for one in ([paths] if isinstance(paths, str) else paths)]
            content["metadata"]["trajectories"] = found[0] if len(found) == 1 else found
        return content

    def digest(self, checkpoint: Checkpoint) -> str:
        """SHA-256 of the settings, with the model arguments of this checkpoint."""
        content = self.as_json() | {"of_checkpoint": dict(checkpoint.model_args)}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def refuse_other(self, found: Mapping[str, Any], place: Path) -> None:
        """Compare with the settings of an earlier call.

        Args:
            found: the settings in sweep.json.
            place: OUT.

        Raises:
            InputError: they differ. The message names the differing settings.
        """
        own = self.as_json()
        differing = [key for key in own.keys() | found.keys() if own.get(key) != found.get(key)]
        if differing:
            shown = ", ".join(
                f"{shortened(key, _LONGEST_SHOWN)} (there {_shown(found.get(key))}, now {_shown(own.get(key))})"
                for key in sorted(differing)[:_MOST_SHOWN]
            )
            raise InputError(f"{place}: was made with other settings: {shown}; use the same, or another -o")


def _shown(value: Any) -> str:
    return shortened(json.dumps(value), _LONGEST_SHOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a sweep runs. None of this changes numbers."""

    steps: str | None = None
    order: str | None = None
    gpus: tuple[str, ...] = ()
    gpus_per_model: int | None = None
    launcher: tuple[str, ...] = ()
    watch: float | None = None
    """Seconds between two looks; None to look only once."""
    until_step: int | None = None
    until_idle: float | None = None
    ready_file: str | None = None
    settle: float = 60.0
    shard: tuple[int, int] = (1, 1)
    timeout: float | None = None
    tokens: bool = True
    store: bool = True

    @property
    def in_order(self) -> str:
        """The order of the evaluation."""
        return self.order or ("newest" if self.watch is not None else "oldest")


def has_store(model: str) -> bool:
    """Whether a model has a score store."""
    return model in _WITH_STORE


def refuse_own_arguments(model_args: Mapping[str, Any], place: str) -> None:
    """Refuse model arguments that the sweep sets itself.

    Raises:
        InputError: there is one.
    """
    if own := [name for name in OWN_MODEL_ARGS if name in model_args]:
        raise InputError(f"{place}: {own[0]} is set by the sweep for each checkpoint; leave it out")
