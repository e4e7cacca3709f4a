"""From paths to handlers and back."""

from signpost.errors import MethodNotAllowed, NotFound, RouteError
from signpost.router import Match, Router

__all__ = ["Match", "MethodNotAllowed", "NotFound", "RouteError", "Router"]
