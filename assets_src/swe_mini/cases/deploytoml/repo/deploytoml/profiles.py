"""Profiles: one file each, and what they inherit."""

import tomllib
from pathlib import Path

from deploytoml.merge import merge


class SettingsError(ValueError):
    """A mistake in a file, or in what was given on the command line."""


def load(folder, profile):
    """The settings of a profile: those that it inherits, with its own laid over them."""
    path = Path(folder) / f"{profile}.toml"
    try:
        own = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"no such profile: {path.name}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path.name}: {error}") from None
    parent = own.pop("inherits", None)
    return own if parent is None else merge(load(folder, parent), own)
