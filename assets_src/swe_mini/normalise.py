"""Replaces text that differs between two recordings by fixed text: paths, run times, random names."""

from __future__ import annotations

import re
from collections.abc import Iterable

_ALWAYS = (
    (re.compile(r"^(Ran \d+ tests? in )[\d.]+s$", re.MULTILINE), r"\g<1>0.001s"),  # unittest
    (re.compile(r"/tmp/tmp[a-z0-9_]{8}"), "/tmp/tmpfolder"),  # Python's tempfile
)
_BY_PROGRAM = {
    "node": (
        (re.compile(r"\b(duration_ms:? )[\d.]+"), r"\g<1>1.5"),
        (re.compile(r"(?<=[^\s]) \([\d.]+ms\)$", re.MULTILINE), " (1.5ms)"),
        (re.compile(r"\(node:\d+\)"), "(node:100)"),  # a process id
    ),
    "gcc": ((re.compile(r"/tmp/cc[A-Za-z0-9]{6}\b"), "/tmp/ccobject"),),
    "rustc": (
        (re.compile(r"\b(in|took) \d+\.\d+s\b"), r"\g<1> 0.10s"),  # cargo and the test runner
        (re.compile(r"(?<=-)[0-9a-f]{16}\b"), "0123456789abcdef"),  # cargo adds it to the name of a program
        (re.compile(r"^(\s*thread '.*') \(\d+\) (panicked|has overflowed)", re.MULTILINE), r"\g<1> (100) \g<2>"),
        (re.compile(r"/tmp/rust(c|doctest)[A-Za-z0-9]{6}\b"), r"/tmp/rust\g<1>folder"),
    ),
}


def normalise(text: str, paths: Iterable[tuple[str, str]], programs: Iterable[str]) -> str:
    """The output of a command in the form that is stored.

    Args:
        text: the output as printed.
        paths: (real, shown) pairs, replaced in this order.
        programs: programs that the run needs. Only their patterns are replaced.
    """
    for real, shown in paths:
        text = text.replace(real, shown)
    for pattern, fixed in (*_ALWAYS, *(pair for name in programs for pair in _BY_PROGRAM.get(name, ()))):
        text = pattern.sub(fixed, text)
    return text
