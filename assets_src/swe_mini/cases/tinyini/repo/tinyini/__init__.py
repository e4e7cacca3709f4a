"""A small reader and writer of INI files."""

from tinyini.document import Document
from tinyini.errors import IniError
from tinyini.parser import parse
from tinyini.writer import dump

__all__ = ["Document", "IniError", "dump", "load", "parse"]


def load(path):
    """The document in a UTF-8 file."""
    with open(path, encoding="utf-8") as file:
        return parse(file.read(), name=str(path))
