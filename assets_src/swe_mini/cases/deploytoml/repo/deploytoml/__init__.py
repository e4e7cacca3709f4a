"""deploytoml: the settings of a service, one TOML file for each place where it runs."""

from deploytoml.merge import merge
from deploytoml.override import override
from deploytoml.profiles import SettingsError, load

__all__ = ["SettingsError", "load", "merge", "override"]
