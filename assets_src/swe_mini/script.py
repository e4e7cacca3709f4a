"""Reads a hand-written run, `cases/NAME/run.md`: a head, the issue, and the text of the agent in each turn."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from assets_src.swe_mini.programs import PROGRAMS
from assets_src.swe_mini.styles import STYLES

OWN_TESTS = "python3 -m unittest -q"

_SECTION = re.compile(r"^<!-- (issue|turn) -->\n", re.MULTILINE)
_HEAD = re.compile(r"^(\w+): *(.*?) *$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """One run as it was written, before it is executed."""

    name: str
    title: str
    expect_resolved: bool
    agent: str
    """How the agent writes its calls: a key of `STYLES`."""
    needs: tuple[str, ...]
    """Programs beyond the sandbox's fixed list: keys of `PROGRAMS`."""
    tests: str
    """The command that runs the repository's own tests."""
    issue: str
    turns: tuple[str, ...]


def read_script(path: Path) -> Script:
    """Read a run from a Markdown file; raises ValueError naming the line that does not follow the notation."""
    head, *parts = _SECTION.split(path.read_text(encoding="utf-8"))
    title, *lines = head.strip().splitlines()
    entries = {}
    for line in lines:
        entry = _HEAD.match(line)
        if entry is None or entry[1] not in ("Expected", "Agent", "Needs", "Tests"):
            raise ValueError(f"{path}: unknown line {line!r} in the head; known lines: Expected, Agent, Needs, Tests")
        entries[entry[1]] = entry[2]
    sections = list(zip(parts[0::2], parts[1::2], strict=True))
    if [kind for kind, _ in sections].count("issue") != 1 or not title.startswith("# "):
        raise ValueError(f"{path}: a run needs a title '# NAME: ...' and exactly one '<!-- issue -->' section")
    needs = tuple(name.strip() for name in entries.get("Needs", "").split(",") if name.strip())
    return Script(
        name=path.parent.name,
        title=title.removeprefix("# "),
        expect_resolved=_one_of(path, "Expected", entries.get("Expected"), ("resolved", "unresolved")) == "resolved",
        agent=_one_of(path, "Agent", entries.get("Agent", "mini-swe-agent"), STYLES),
        needs=tuple(_one_of(path, "Needs", name, PROGRAMS) for name in needs),
        tests=entries.get("Tests", OWN_TESTS),
        issue=next(body for kind, body in sections if kind == "issue").strip("\n"),
        turns=tuple(body.strip("\n") for kind, body in sections if kind == "turn"),
    )


def _one_of(path: Path, key: str, found: str | None, known: object) -> str:
    names = list(known)  # type: ignore[call-overload]
    if found not in names:
        raise ValueError(f"{path}: '{key}:' should be one of {', '.join(names)}, found {found!r}")
    return str(found)
