"""Lists of references."""

from folio.entry import Entry, read_entries
from folio.names import Name, parse_name
from folio.references import references

__all__ = ["Entry", "Name", "parse_name", "read_entries", "references"]
