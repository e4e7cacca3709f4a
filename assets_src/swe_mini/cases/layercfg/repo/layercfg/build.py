"""All the layers together."""

from functools import reduce

from layercfg.env import from_environ
from layercfg.files import read_layer
from layercfg.merge import merge


def build(paths, environ=None, prefix="APP"):
    """The settings of the files, each over those before it, with the environment on top."""
    layers = [read_layer(path) for path in paths]
    layers.append(from_environ(environ or {}, prefix))
    return reduce(merge, layers, {})
