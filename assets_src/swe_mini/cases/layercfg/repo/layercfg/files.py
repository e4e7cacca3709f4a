"""Layers from files."""

import json
import tomllib
from pathlib import Path

from layercfg.errors import ConfigError


def read_layer(path):
    """The tables of a .toml or .json file."""
    path = Path(path)
    text = path.read_text(encoding="utf-8")
    try:
        if path.suffix == ".toml":
            return tomllib.loads(text)
        if path.suffix == ".json":
            return json.loads(text)
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None
    raise ConfigError(f"{path}: a layer is a .toml or .json file")
