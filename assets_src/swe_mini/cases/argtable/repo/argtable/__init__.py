"""Command line options from a table."""

from argtable.errors import UsageError
from argtable.option import Option
from argtable.parser import parse
from argtable.usage import usage

__all__ = ["Option", "UsageError", "parse", "usage"]
