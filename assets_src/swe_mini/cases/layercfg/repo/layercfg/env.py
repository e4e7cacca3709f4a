"""A layer from environment variables."""


def from_environ(environ, prefix):
    """The layer that the variables PREFIX_KEY and PREFIX_TABLE__KEY describe. Values are strings."""
    layer = {}
    for name in sorted(environ):
        if not name.startswith(prefix + "_"):
            continue
        *tables, key = name[len(prefix) + 1 :].lower().split("__")
        place = layer
        for table in tables:
            place = place.setdefault(table, {})
        place[key] = environ[name]
    return layer
