"""Works, and the file they come from."""

from typing import NamedTuple

from folio.names import Name, parse_name


class Entry(NamedTuple):
    """One work."""

    authors: tuple[Name, ...]
    year: int
    title: str
    publisher: str


def read_entries(text):
    """The works in a file. ValueError with the number of a line that has not four parts or no year."""
    entries = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = [part.strip() for part in line.split("|")]
        if len(parts) != 4 or not parts[1].isdecimal():
            raise ValueError(f"line {number}: expected AUTHORS | YEAR | TITLE | PUBLISHER")
        authors = tuple(parse_name(name) for name in parts[0].split("&"))
        entries.append(Entry(authors, int(parts[1]), parts[2], parts[3]))
    return entries
