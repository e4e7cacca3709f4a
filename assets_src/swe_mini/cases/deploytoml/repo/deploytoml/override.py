"""Settings from the command line."""

import tomllib

from deploytoml.merge import merge


def override(settings, assignment):
    """New settings, with one changed by a text such as `service.replicas=3`."""
    key, _, text = assignment.partition("=")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text  # without quotes: a text all the same
    for part in reversed(key.split(".")):
        value = {part: value}
    return merge(settings, value)
