"""Settings in layers."""

from layercfg.build import build
from layercfg.env import from_environ
from layercfg.errors import ConfigError
from layercfg.files import read_layer
from layercfg.merge import merge

__all__ = ["ConfigError", "build", "from_environ", "merge", "read_layer"]
