"""What counts as a fault of a command that has ended."""

from __future__ import annotations

import re
import signal
import unicodedata
from collections.abc import Collection

from benchmarks.attack.limits import Finished, Limits

TRACEBACK = "Traceback (most recent call last)"
HIDDEN = "\u115f\u1160\u3164\uffa0\u2028\u2029"
"""Characters that a terminal shows as nothing, or as a new line, although their category does not say so."""
REORDERING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
HARMLESS = "\n\t\r"
"""Control characters of text and of progress bars."""
MOST_LINES = 400
"""A command that prints more lines about one bad input hides what matters."""


def faults_of(done: Finished, limits: Limits, statuses: Collection[int], *, may_move_up: bool = False) -> list[str]:
    """One line for each rule that the command broke.

    Args:
        done: the command.
        limits: its limits.
        statuses: the documented exit statuses for this input.
        may_move_up: whether the escape that moves the cursor up a line is allowed. The harness's progress bars use it.
    """
    if done.timed_out:
        return [f"no end after {done.seconds:.0f} s, {done.cpu:.0f} s of CPU time ({done.megabytes:.0f} MB)"]
    if done.cpu > limits.seconds or done.status == -signal.SIGXCPU:
        return [f"{done.cpu:.0f} s of CPU time; {limits.seconds:.0f} allowed ({done.megabytes:.0f} MB)"]
    found = []
    if done.status < 0:
        found.append(f"ended by {signal.Signals(-done.status).name}")
    elif done.status not in statuses:
        found.append(f"exit status {done.status}, not {' or '.join(map(str, sorted(statuses)))}: {last_line(done)}")
    if done.megabytes > limits.megabytes:
        found.append(f"{done.megabytes:.0f} MB of memory; {limits.megabytes} allowed")
    return found + faults_of_text(done.output, may_move_up=may_move_up)


def faults_of_text(printed: str, *, may_move_up: bool = False) -> list[str]:
    """One line for each rule that a printed text breaks: a traceback, or characters that act on the terminal."""
    found = []
    if TRACEBACK in printed:
        found.append(f"a traceback: {_raised(printed)}")
    if "Fatal Python error" in printed or "panicked at" in printed:
        found.append("a crash report of the interpreter or of a library")
    acting = acting_characters(printed.replace("\x1b[A", "") if may_move_up else printed)
    if acting:
        found.append("acts on the terminal: " + ", ".join(f"U+{ord(one):04X}" for one in sorted(acting)[:8]))
    return found


def acting_characters(text: str) -> set[str]:
    """Characters that move the cursor, change colours, reorder or hide text."""
    return {
        one
        for one in set(text)
        if (unicodedata.category(one) == "Cc" and one not in HARMLESS) or one in HIDDEN or one in REORDERING
    }


def last_line(done: Finished) -> str:
    """The last line of the error stream, or of the output, shortened."""
    lines = (done.stderr.strip() or done.stdout.strip() or "(no output)").splitlines()
    return repr(lines[-1])[1:-1][:200]


def _raised(printed: str) -> str:
    """The line below the last traceback that names the error."""
    after = printed.rpartition(TRACEBACK)[2].splitlines()[1:]
    named = next((line for line in after if re.match(r"[\w.]+(Error|Exception|Warning|Exit|Interrupt)\b", line)), "")
    return repr(named)[1:-1][:200]
