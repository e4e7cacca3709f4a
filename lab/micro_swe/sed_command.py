"""The fix of a bug as a `sed -i` command."""

from __future__ import annotations

import re

from lab.micro_swe.bug import Change

_DELIMITERS = "/|#,"


def sed_command(changes: tuple[Change, ...]) -> str:
    """A command that replaces whole rows, or appends rows, in m.py."""
    scripts = [_quoted(_script(change)) for change in changes]
    if len(scripts) == 1:
        return f"sed -i {scripts[0]} m.py"
    return "sed -i " + " ".join(f"-e {script}" for script in scripts) + " m.py"


def _script(change: Change) -> str:
    if change.inserts:
        return f"{change.row}a\\{change.text}"
    delimiter = next(sign for sign in _DELIMITERS if sign not in change.text)
    right = re.sub(rf"([\\&{re.escape(delimiter)}])", r"\\\1", change.text)
    return f"{change.row}s{delimiter}.*{delimiter}{right}{delimiter}"


def _quoted(script: str) -> str:
    """The script as one word of the shell. No template has text that needs more than one kind of quotes."""
    if "'" not in script:
        return f"'{script}'"
    assert not re.search(r'["$`]|\\\\', script), script
    return f'"{script}"'
