"""Names of people."""

from typing import NamedTuple


class Name(NamedTuple):
    """A name in its parts."""

    given: str
    family: str

    def printed(self):
        """As in a list of references: "Austen, J."."""
        initials = " ".join(f"{word[0]}." for word in self.given.split())
        return f"{self.family}, {initials}" if initials else self.family

    def key(self):
        """What a list is sorted by."""
        return (self.family.lower(), self.given.lower())


def parse_name(text):
    """The name in "Given Family" or "Family, Given"."""
    family, comma, given = text.partition(",")
    if not comma:
        given, _, family = text.strip().rpartition(" ")
    return Name(given.strip(), family.strip())
