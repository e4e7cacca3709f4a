"""What each agent's environment adds around a command's output, and how each agent submits its work."""

from __future__ import annotations

import re

OBSERVED = "OBSERVATION:\n"
"""Before every answer in the SWE-agent formats."""

NOTHING = "The command printed nothing."
"""swe-mini's answer to an empty output, in the SWE-agent formats."""

SUBMIT_MARKER = "COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT\n"
"""mini-swe-agent ends when a command prints this first. The rest of the output is the submission."""

SUBMIT_COMMAND = "git add -A && git diff --cached"
"""Prints the submission, in every format."""

_EXIT_CODE = re.compile(r"<returncode>(-?\d+)</returncode>\n<output>\n(.*)</output>", re.DOTALL)


def with_exit_code(returncode: int, output: str) -> str:
    """mini-swe-agent's answer to a command."""
    return f"<returncode>{returncode}</returncode>\n<output>\n{output}</output>"


def observed(output: str) -> str:
    """The answer to a command in the SWE-agent formats, which has no exit code."""
    return f"{OBSERVED}{output or NOTHING}"


def output_of(answer: str) -> str:
    """A command's output, taken from an answer of either kind."""
    framed = _EXIT_CODE.fullmatch(answer)
    output = framed[2] if framed else answer.removeprefix(OBSERVED)
    return "" if output == NOTHING and not framed else output
