"""The table of routes."""

from typing import Any, Callable, NamedTuple

from signpost.errors import MethodNotAllowed, NotFound, RouteError
from signpost.pattern import Pattern


class Match(NamedTuple):
    handler: Callable
    params: dict[str, Any]


class Route(NamedTuple):
    method: str
    pattern: Pattern
    handler: Callable


class Router:
    def __init__(self):
        self._routes = []
        self._named = {}

    def add(self, method, pattern, handler, name=None):
        route = Route(method.upper(), Pattern(pattern), handler)
        if name is not None:
            if name in self._named:
                raise RouteError(f"two routes are called {name!r}")
            self._named[name] = route
        self._routes.append(route)

    def match(self, method, path):
        """The first route that fits. Raises NotFound or MethodNotAllowed."""
        for route in self._routes:
            params = route.pattern.match(path)
            if params is None:
                continue
            if route.method != method.upper():
                raise MethodNotAllowed(path, {route.method})
            return Match(route.handler, params)
        raise NotFound(path)

    def url_for(self, name, **params):
        """The path of a named route."""
        if name not in self._named:
            raise RouteError(f"no route is called {name!r}")
        return self._named[name].pattern.fill(params)
