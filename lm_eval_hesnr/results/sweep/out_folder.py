"""OUT, the folder of a sweep: sweep.json, the states of the checkpoints, and locks.

Several processes can work in one OUT, also on several machines that share a disk. Short changes of sweep.json and of
the table are made under the lock of OUT. A checkpoint is evaluated under a lock of its own. The process that evaluates
it inherits this lock. So if a sweep is killed, and the process of its checkpoint is not, the next call waits for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import check_writable, create_file, replace_file, writing
from lm_eval_hesnr.files.own_files import lock_file, open_own_file
from lm_eval_hesnr.results.sweep.checkpoint import Key
from lm_eval_hesnr.results.sweep.settings import Settings
from lm_eval_hesnr.results.sweep.state import State, read_own_json, read_state

FORMAT, VERSION = "hesnr-sweep", 1
_LOCK_TEXT = b"hesnr sweep: lock\n"


class OutFolder:
    """OUT. Nothing is written before `begin`."""

    def __init__(self, path: Path) -> None:
        """Read the states that earlier calls have written.

        Raises:
            InputError: the folder has files, but none of a sweep; or a file is not ours.
        """
        self.path = path
        self.trajectories: dict[str, str] = {}
        """The digest of the trajectories of each of our tasks; empty if they are not loaded."""
        if path.exists() and not path.is_dir():
            raise InputError(f"{path}: is not a folder; give another -o")
        self._content = read_own_json(path / "sweep.json", FORMAT, VERSION) if path.is_dir() else None
        if self._content is None and path.is_dir() and (others := [p.name for p in path.iterdir() if not _is_own(p)]):
            raise InputError(
                f"{path}: has no sweep.json, but other files ({sorted(others)[0]}); give a new folder, or one of hesnr "
                "sweep"
            )
        check_writable(path, f"-o {path}")

    def refuse_other(self, settings: Settings) -> None:
        """Compare the settings, and the trajectories if they are loaded, with those of an earlier call.

        Raises:
            InputError: they differ.
        """
        if self._content is not None:
            found = self._content.get("settings")
            settings.refuse_other(found if isinstance(found, dict) else {}, self.path)
            self._refuse_other_trajectories(settings)

    def _refuse_other_trajectories(self, settings: Settings) -> None:
        digests = self._digests()
        if changed := [name for name, digest in self.trajectories.items() if digests.get(name, digest) != digest]:
            given = settings.metadata.get("trajectories", "the embedded set")
            paths = given if isinstance(given, str) else ", ".join(map(str, given))
            raise InputError(
                f"{self.path}: the content of {paths} ({', '.join(changed)}) has changed since an earlier call; use "
                "the same trajectories, or another -o"
            )

    def _digests(self) -> dict[str, str]:
        """The digests of the trajectories in sweep.json."""
        found = self._content.get("trajectories") if self._content is not None else None
        return found if isinstance(found, dict) else {}

    def begin(self, settings: Settings) -> None:
        """Make the folder and sweep.json.

        Raises:
            InputError: another process has made it with other settings meanwhile, or the disk cannot be written.
        """
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        with self.locked():
            self._content = read_own_json(self.path / "sweep.json", FORMAT, VERSION)
            self.refuse_other(settings)
            digests = self._digests() | self.trajectories
            if self._content is None:
                self._write({"settings": settings.as_json(), "trajectories": digests, "checkpoints": []})
            elif digests != self._digests():
                self._write({**self._content, "trajectories": digests})

    def set_checkpoints(self, names: list[str]) -> None:
        """Write the names of the checkpoints in their order. Call it under the lock."""
        if self._content is not None and self._content.get("checkpoints") != names:
            self._write({**self._content, "checkpoints": names})

    def _write(self, content: dict[str, Any]) -> None:
        self._content = {**content, "format": FORMAT, "version": VERSION}
        with writing(self.path / "sweep.json"):
            replace_file(self.path / "sweep.json", json.dumps(self._content, indent=2) + "\n")

    def folder(self, name: str) -> Path:
        """The folder of a checkpoint."""
        return self.path / name

    def states(self) -> dict[str, State]:
        """The states of all checkpoints, by name, in the order of the names.

        Raises:
            InputError: a state is not ours.
        """
        folders = sorted(self.path.iterdir()) if self.path.is_dir() else []
        found = ((one.name, read_state(one)) for one in folders if one.is_dir())
        return {name: state for name, state in found if state is not None}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Wait until no other process changes sweep.json or the table, and keep others from it."""
        file = self._lock(self.path / "lock", wait=True)
        try:
            yield
        finally:
            if file is not None:
                file.close()

    def lock_checkpoint(self, name: str) -> IO[bytes] | None:
        """The lock of a checkpoint, until it is closed; None if another process has it.

        Raises:
            InputError: the folder or the lock is not ours, or cannot be written.
        """
        with writing(self.folder(name)):
            self.folder(name).mkdir(exist_ok=True)
            if self.folder(name).is_symlink():
                raise InputError(f"{self.folder(name)}: is a symbolic link; move it, or use another -o")
        return self._lock(self.folder(name) / "lock", wait=False)

    def _lock(self, path: Path, *, wait: bool) -> IO[bytes] | None:
        with writing(path):
            try:
                file = create_file(path)
                file.write(_LOCK_TEXT)
                file.flush()
            except FileExistsError:
                file = open_own_file(path)
                if not _LOCK_TEXT.startswith(file.read(len(_LOCK_TEXT) + 1)):  # it may be empty still
                    file.close()
                    raise InputError(f"{path}: is not a lock of hesnr sweep; move it, or use another -o") from None
            if lock_file(file, path, wait=wait):
                return file
            file.close()
            return None


def _is_own(path: Path) -> bool:
    """Whether a file may be in OUT before sweep.json is."""
    return path.name in ("lock", "STOP") or path.name.startswith("sweep.json.")


def names_of(states: Iterable[State]) -> dict[Key, str]:
    """The names that earlier calls have given to their checkpoints."""
    return {state.key: state.name for state in states}
