"""The state of one checkpoint, as `OUT/<name>/state.json` has it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import read_regular, replace_file, writing
from lm_eval_hesnr.results.sweep.checkpoint import Key, key_of

FORMAT, VERSION = "hesnr-sweep-checkpoint", 1
_LARGEST = 2**20
STATUSES = ("done", "failed", "incomplete", "gone", "running", "waiting")


@dataclass(slots=True, kw_only=True)
class State:
    """What is known of one checkpoint of a sweep."""

    name: str
    pretrained: str
    revision: str | None = None
    model_args: dict[str, Any] = field(default_factory=dict)
    """Model arguments of this checkpoint alone."""
    step: int | None = None
    tokens_seen: int | None = None
    status: str = "waiting"
    attempts: int = 0
    started: str | None = None
    ended: str | None = None
    seconds: float | None = None
    exit_code: int | None = None
    reason: str | None = None
    results: str | None = None
    """The results file, relative to the folder of the checkpoint."""
    token_table: str | None = None
    """The folder with the token tables, relative to the folder of the checkpoint."""
    gpus: list[str] = field(default_factory=list)
    host: str | None = None
    pid: int | None = None
    identity: str | None = None
    settings_sha256: str | None = None

    @property
    def key(self) -> Key:
        """What names the checkpoint."""
        return key_of(self.pretrained, self.revision, self.model_args)

    def write(self, folder: Path) -> None:
        """Write state.json in the folder of the checkpoint, completely or not at all.

        Raises:
            InputError: it cannot be written.
        """
        content = {"format": FORMAT, "version": VERSION, **asdict(self)}
        path = folder / "state.json"
        with writing(path):
            replace_file(path, json.dumps(content, indent=2) + "\n")


_TYPES: dict[str, Any] = {
    name: list
    if name == "gpus"
    else dict
    if name == "model_args"
    else int | float | None
    if name == "seconds"
    else kind
    for name, kind in get_type_hints(State).items()
}


def read_state(folder: Path) -> State | None:
    """The state in the folder of a checkpoint; None if there is no state.json.

    Raises:
        InputError: state.json is not a file of this version of `hesnr sweep`.
    """
    content = read_own_json(folder / "state.json", FORMAT, VERSION)
    if content is None:
        return None
    given = {key: value for key, value in content.items() if key in _TYPES}
    if (
        not all(isinstance(value, _TYPES[key]) for key, value in given.items())
        or given.get("name") != folder.name
        or given.get("status") not in STATUSES
        or not isinstance(given.get("pretrained"), str)
    ):
        raise InputError(f"{folder / 'state.json'}: is not the state of {folder.name}; move it, or use another -o")
    return State(**given)


def read_own_json(path: Path, expected: str, version: int) -> dict[str, Any] | None:
    """The content of a JSON file that `hesnr sweep` wrote; None if there is no such file.

    Raises:
        InputError: it is a file of someone else, or of another version.
    """
    try:
        content = json.loads(read_regular(path, at_most=_LARGEST))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}; move it, or use another -o") from error
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or (content.get("format"), content.get("version")) != (expected, version):
        raise InputError(f"{path}: is not a file of this version of hesnr sweep; move it, or use another -o")
    return content
