"""One route pattern, such as /articles/{id:int}."""

import re

from signpost.converters import CONVERTERS
from signpost.errors import RouteError

_PARAMETER = re.compile(r"\{(\w+)(?::(\w+))?\}")


class Pattern:
    def __init__(self, text):
        if not text.startswith("/"):
            raise RouteError(f"a pattern starts with a slash: {text!r}")
        self.text = text
        self.converters = {}
        regex, position = "", 0
        for found in _PARAMETER.finditer(text):
            name, kind = found[1], found[2] or "str"
            if kind not in CONVERTERS:
                raise RouteError(f"{text}: unknown converter {kind!r}; known are {', '.join(sorted(CONVERTERS))}")
            if name in self.converters:
                raise RouteError(f"{text}: two parameters are called {name!r}")
            self.converters[name] = CONVERTERS[kind]
            regex += text[position : found.start()] + f"(?P<{name}>{CONVERTERS[kind].regex})"
            position = found.end()
        self._regex = re.compile(regex + text[position:])

    def match(self, path):
        """The parameters in a path, or None if it does not fit."""
        found = self._regex.match(path)
        if found is None:
            return None
        return {name: self.converters[name].to_value(raw) for name, raw in found.groupdict().items()}

    def fill(self, params):
        """The path with these parameters."""
        missing = self.converters.keys() - params.keys()
        if missing:
            raise RouteError(f"{self.text}: missing {', '.join(sorted(missing))}")
        return _PARAMETER.sub(lambda found: str(params[found[1]]), self.text)
