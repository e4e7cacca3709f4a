"""What can be wrong with a layer."""


class ConfigError(ValueError):
    """A layer that cannot be read or does not fit the layers below it."""
