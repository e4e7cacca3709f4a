"""Sections, keys and values."""

_TRUE = {"1", "yes", "true", "on"}
_FALSE = {"0", "no", "false", "off"}
_REQUIRED = object()


class Document:
    """Section -> key -> value, all strings, in the order of the file."""

    def __init__(self):
        self.sections = {}

    def set(self, section, key, value):
        self.sections.setdefault(section, {})[key] = value

    def get(self, section, key, kind=str, default=_REQUIRED):
        """One value, converted by `kind`. Without a default, a missing one is a KeyError."""
        try:
            value = self.sections[section][key]
        except KeyError:
            if default is _REQUIRED:
                raise KeyError(f"[{section}] {key}") from None
            return default
        return _to_bool(value) if kind is bool else kind(value)

    def __eq__(self, other):
        return isinstance(other, Document) and self.sections == other.sections


def _to_bool(value):
    lowered = value.lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise ValueError(f"not a yes or no: {value!r}")
