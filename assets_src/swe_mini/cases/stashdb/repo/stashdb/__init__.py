"""A key-value store in one file."""

from stashdb.record import CorruptFile
from stashdb.store import Stash

__all__ = ["CorruptFile", "Stash"]
