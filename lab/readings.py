"""Raw readings: one JSON file per model, with one part per piece of work. A part that is there never changes.

The files are in the repository (lab/readings/EXPERIMENT/), so that work goes on on another machine, and anybody can
analyse them again.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import read_regular, replace_file, writing

FORMAT, VERSION = "hesnr-lab-readings", 1
FOLDER = Path(__file__).parent / "readings"


class MissingReadingError(InputError):
    """A reading is not there yet."""


class Readings:
    """The readings of one experiment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """The names of all files, in order."""
        return sorted(path.stem for path in self.folder.glob("*.json"))

    def file(self, name: str) -> dict[str, Any] | None:
        """The whole file: `about`, and `parts`; None if there is no such file.

        Raises:
            InputError: it is not a file of readings.
        """
        path = self._path(name)
        try:
            found = json.loads(read_regular(path))
        except FileNotFoundError:
            return None
        except NotADirectoryError as error:
            raise InputError(f"{self.folder}: expected a folder of readings, found a file; give its folder") from error
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: cannot be read ({error}); restore it from the repository") from error
        if not isinstance(found, dict) or (found.get("format"), found.get("version")) != (FORMAT, VERSION):
            raise InputError(f"{path}: expected format {FORMAT!r}, version {VERSION}; restore it from the repository")
        return found

    def about(self, name: str) -> Mapping[str, Any] | None:
        """What the file is about; None if there is no such file."""
        found = self.file(name)
        return None if found is None else found["about"]

    def part(self, name: str, part: str) -> Any:
        """The value of a part; None if it is not there yet."""
        found = self.file(name)
        return None if found is None or part not in found["parts"] else found["parts"][part]["value"]

    def needed(self, name: str, part: str) -> Any:
        """The value of a part.

        Raises:
            MissingReadingError: it is not there yet.
        """
        found = self.part(name, part)
        if found is None:
            raise MissingReadingError(f"{self._path(name)}: has no part {part!r}; make it without --only-analysis")
        return found

    def add(self, name: str, part: str, about: Mapping[str, Any], value: Any, made: Mapping[str, Any]) -> None:
        """Add a part to a file. Either the whole part is added, or nothing.

        Args:
            name: of the file.
            part: its name; it must be new.
            about: what the file is about.
            value: the reading.
            made: with which commit and versions it was made.

        Raises:
            InputError: the part is there already, or the file is about something else.
        """
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        about = json.loads(json.dumps(about))
        with self._locked():
            found = self.file(name) or {"format": FORMAT, "version": VERSION, "about": about, "parts": {}}
            if part in found["parts"]:
                raise InputError(f"{self._path(name)}: part {part!r} is there already; a reading is never replaced")
            if found["about"] != about:
                keys = [key for key in {*about, *found["about"]} if about.get(key) != found["about"].get(key)]
                raise InputError(
                    f"{self._path(name)}: is about another model (different: {', '.join(sorted(keys))}), so part "
                    f"{part!r} does not belong to it. Remove the file, and make all of its parts again"
                )
            found["parts"][part] = {"made": dict(made), "value": value}
            with writing(self.folder):
                replace_file(self._path(name), json.dumps(found, indent=1, allow_nan=False) + "\n", sync=True)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Wait until no other process adds a part. The lock ends with the process, also if it is killed."""
        with (self.folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
