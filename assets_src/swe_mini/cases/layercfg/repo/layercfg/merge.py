"""One layer over another."""


def merge(base, over):
    """The settings of `base` with those of `over` on top."""
    result = dict(base)
    for key, value in over.items():
        if isinstance(value, dict) and key in result:
            result[key].update(value)
        else:
            result[key] = value
    return result
