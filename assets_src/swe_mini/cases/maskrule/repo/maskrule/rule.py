"""What a secret looks like."""

import re
from typing import NamedTuple

_LINE = re.compile(r"([\w-]+)\s+(?:keep=(\d+)\s+)?(.+)")


class Rule(NamedTuple):
    """A pattern, and what a match of it is replaced by."""

    name: str
    pattern: re.Pattern
    keep: int = 0

    def replacement(self, secret):
        """The rule's name, or stars and the last `keep` characters."""
        if not self.keep:
            return f"[{self.name}]"
        return "*" * (len(secret) - self.keep) + secret[-self.keep :]


def read_rules(text):
    """The rules in a text, in order. ValueError with the number of a line that is no rule."""
    rules = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        try:
            rules.append(Rule(match[1], re.compile(match[3]), int(match[2] or 0)))
        except (TypeError, re.error) as error:
            raise ValueError(f"line {number}: not a rule: {line.strip()!r}") from error
    return rules
