"""libraryloans: who has which book."""

from libraryloans.database import open_library, upgrade
from libraryloans.desk import give_back, lend

__all__ = ["give_back", "lend", "open_library", "upgrade"]
