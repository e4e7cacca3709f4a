"""Text to document."""

import re

from tinyini.document import Document
from tinyini.errors import IniError

_SECTION = re.compile(r"\[([^\]]+)\]")


def parse(text, name="<text>"):
    """The document that a text describes."""
    document = Document()
    section = None
    for line_no, line in enumerate(text.splitlines(), start=1):
        line = re.sub(r"[;#].*", "", line).strip()
        if not line:
            continue
        heading = _SECTION.fullmatch(line)
        if heading:
            section = heading[1].strip()
            document.sections.setdefault(section, {})
            continue
        key, sign, value = line.partition("=")
        if not sign:
            raise IniError(name, line_no, f"neither a [section] nor key = value: {line!r}")
        if section is None:
            raise IniError(name, line_no, "a value before the first [section]")
        document.set(section, key.strip(), value.strip())
    return document
