"""Laying settings over other settings."""


def merge(below, above):
    """New settings: those of `below`, and where `above` says something else, what `above` says."""
    merged = dict(below)
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(below.get(key), dict):
            value = merge(below[key], value)
        merged[key] = value
    return merged
