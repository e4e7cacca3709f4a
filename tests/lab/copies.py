"""Copies of folders of readings, in which one file differs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def copy_with_change(folder: Path, to: Path, name: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Copy all readings of a folder, and change the file of one model in place."""
    to.mkdir(exist_ok=True)
    for path in folder.glob("*.json"):
        file = json.loads(path.read_text())
        if path.stem == name:
            change(file)
        (to / path.name).write_text(json.dumps(file))
