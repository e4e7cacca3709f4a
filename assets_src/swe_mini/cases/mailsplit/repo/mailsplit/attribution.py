"""The line that a mail program puts above a quote: "On Monday, Ana wrote:"."""

import re

PATTERNS = (
    re.compile(r"On\b.+ wrote:"),
    re.compile(r"Am\b.+ schrieb\b.*:"),
    re.compile(r"Le\b.+ a écrit ?:"),
)


def is_attribution(line):
    """Whether a line announces a quote."""
    return any(pattern.fullmatch(line.strip()) for pattern in PATTERNS)
