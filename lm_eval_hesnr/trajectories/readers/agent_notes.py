"""Texts that agents write into a chat themselves, in the user's or the tool's name, and how to recognise them."""

from __future__ import annotations

REFUSALS = {
    "mini-swe-agent": ("Please always provide EXACTLY ONE action", "Format error:"),
    "terminus-2": ("Previous response had parsing errors",),  # its notes with "warnings" do not count: the commands ran
    "swe-agent": ("Your output was not formatted correctly",),
    "codeact": ("I don't understand your input",),
}
"""Agent -> the beginnings of its notes that a reply could not be parsed. Nothing of that reply ran."""

RESULT_MARKS = (
    "OBSERVATION:",
    "Observation:",
    "EXECUTION RESULT of [",
    "<tool_response>",
    "API output: ",  # tau-bench
    "<returncode>",
    "New Terminal Output:",
    "Current terminal state:",
)
"""The beginnings of user messages that contain the environment's output."""


def is_refusal(note: str) -> bool:
    """Whether a note of any agent says that it could not parse the reply."""
    return any(mark in note[:400] for marks in REFUSALS.values() for mark in marks)


def refusals_of(agent: str, template: str) -> tuple[str, ...]:
    """The beginnings of one agent's refusals: the released ones, and that of its configured Jinja template."""
    configured = template.split("{{")[0].split("{%")[0].strip()
    return (*REFUSALS.get(agent, ()), *([configured] if configured else []))


def says_not_executed(answer: str) -> bool:
    """Whether mini-swe-agent's answer says that the call never ran, because an earlier call ended the run.

    Only the beginning counts: later in the answer, a command may have printed the same words.
    """
    return answer.removeprefix("<exception>").startswith("action was not executed")
