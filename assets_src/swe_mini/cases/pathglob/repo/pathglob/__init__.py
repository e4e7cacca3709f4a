"""Gitignore-like matching of paths."""

from pathglob.ignore import Ignore
from pathglob.pattern import Pattern, parse_pattern

__all__ = ["Ignore", "Pattern", "parse_pattern"]
