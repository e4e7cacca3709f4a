"""What an environment puts around a command's output, agent by agent, and how each agent hands its work in."""

from __future__ import annotations

import re

OBSERVED = "OBSERVATION:\n"
"""Before every answer of the SWE-agent styles."""

NOTHING = "The command printed nothing."
"""What swe-mini's environment says in the SWE-agent styles where an output is empty."""

SUBMIT_MARKER = "COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT\n"
"""mini-swe-agent is done when a command prints this first; what it prints after it is the submission."""

SUBMIT_COMMAND = "git add -A && git diff --cached"
"""What prints the submission, in every style."""

_EXIT_CODE = re.compile(r"<returncode>(-?\d+)</returncode>\n<output>\n(.*)</output>", re.DOTALL)


def with_exit_code(returncode: int, output: str) -> str:
    """mini-swe-agent's answer."""
    return f"<returncode>{returncode}</returncode>\n<output>\n{output}</output>"


def observed(output: str) -> str:
    """The answer of the SWE-agent styles, which tell no exit code."""
    return f"{OBSERVED}{output or NOTHING}"


def output_of(answer: str) -> str:
    """What a command printed, out of an answer of either kind."""
    framed = _EXIT_CODE.fullmatch(answer)
    output = framed[2] if framed else answer.removeprefix(OBSERVED)
    return "" if output == NOTHING and not framed else output
