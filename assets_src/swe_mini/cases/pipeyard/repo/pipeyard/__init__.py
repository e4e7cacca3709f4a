"""pipeyard: a pipeline in a few YAML files, and what it would do."""

from pipeyard.plan import load, plan
from pipeyard.reader import YamlError, read

__all__ = ["YamlError", "load", "plan", "read"]
