"""The three styles of an agent: how it writes a call, and how it is answered."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from lm_eval_hesnr.trajectories.readers.found_calls import xml_functions
from lm_eval_hesnr.trajectories.readers.swe_agent_parsers import first_function
from lm_eval_hesnr.trajectories.writers.answers import SUBMIT_MARKER, observed, with_exit_code
from lm_eval_hesnr.trajectories.writers.convert import NUMBERS

TOOLS = {
    "bash": ("command",),
    "str_replace_editor": ("command", "path", "view_range", "file_text", "old_str", "new_str", "insert_line"),
    "submit": (),
}
"""The tools of the two SWE-agent styles, with their parameters."""

FORMAT_NOTE = """\
Nothing was executed: your reply has {count} bash blocks, and it must have exactly one. Please send the reply again \
with a single bash block; commands that belong together can be joined with && or put on separate lines of that block."""

_BASH_BLOCK = re.compile(r"^```bash\n(.*?)\n```$", re.MULTILINE | re.DOTALL)


class Turn(NamedTuple):
    """The output of the agent in one turn."""

    segments: list[dict[str, Any]]
    """Their joined texts are the output of the agent, byte for byte."""
    tool: str = ""
    """The tool to run; empty if the turn is refused."""
    arguments: dict[str, Any] = {}  # noqa: RUF012 (never changed)
    note: str = ""
    """The answer to a refused turn."""


class Style(NamedTuple):
    """One way of writing calls."""

    cut: Callable[[str], Turn]
    """From the written turn to the output of the agent; raises ValueError if the turn does not follow the notation."""
    answer: Callable[[int, str], str]
    """From (exit code, output) to the text that the agent is shown."""
    submission: Callable[[str], str]
    """From the submitted patch to the text that the agent is shown; empty if its files end with the agent's turn."""


def _fenced(text: str) -> Turn:
    """mini-swe-agent: prose with exactly one bash block. A turn with no block or several is refused."""
    blocks = list(_BASH_BLOCK.finditer(text))
    if len(blocks) != 1:
        return Turn([_said(text)], note=FORMAT_NOTE.format(count=len(blocks)))
    (block,) = blocks
    before, command, after = text[: block.start()], block[1], text[block.end() :]
    action = _did(block[0], "bash", {"command": command}, continues=bool(before))
    rest = [_said(after) | {"continues": True}] if after else []
    tool = "submit" if SUBMIT_MARKER.strip() in command else "bash"
    return Turn([*([_said(before)] if before else []), action, *rest], tool, {"command": command})


def _tagged(text: str) -> Turn:
    """SWE-smith: prose, then the call in tags. The text is kept as in `cases/NAME/run.md`."""
    before, called, tool, arguments = _function(text)
    action = _did(called, tool, arguments, continues=bool(before))
    return Turn([*([_said(before)] if before else []), action], tool, arguments)


def _tool_call(text: str) -> Turn:
    """SWE-agent with function calling: prose, and separate from it the arguments of the call as JSON."""
    before, _, tool, arguments = _function(text)
    arguments = {name: _decoded(name, value) if name in NUMBERS else value for name, value in arguments.items()}
    action = _did(json.dumps(arguments, ensure_ascii=False), tool, arguments, continues=False)
    said = before.rstrip("\n")
    return Turn([*([_said(said)] if said else []), action], tool, arguments)


def _function(text: str) -> tuple[str, str, str, dict[str, Any]]:
    """(prose, call, tool, arguments) of a turn that ends with its one call."""
    found = first_function(text, True)
    if len(xml_functions(text, True)) != 1 or not found or text[found[0].end :].strip():
        raise ValueError("a turn is prose and then exactly one '<function=...>' call, with nothing after it")
    (place,) = found
    (meant,) = place.calls
    if meant.tool not in TOOLS or not set(meant.arguments) <= set(TOOLS[meant.tool]):
        raise ValueError(f"{meant.tool} with {', '.join(meant.arguments) or 'nothing'}; there are {TOOLS}")
    return text[: place.start], text[place.start : place.end], meant.tool, meant.arguments


def _decoded(name: str, value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError(f"{name} should be a number or a list of numbers, found {value!r}") from None


def _said(text: str) -> dict[str, Any]:
    return {"kind": "thought", "text": text, "generated": True}


def _did(text: str, tool: str, arguments: dict[str, Any], *, continues: bool) -> dict[str, Any]:
    segment: dict[str, Any] = {"kind": "action", "text": text, "generated": True}
    segment |= {"continues": True} if continues else {}
    return segment | {"calls": [{"tool": tool, "arguments": arguments, "executed": True}]}


STYLES = {
    "mini-swe-agent": Style(_fenced, with_exit_code, str),
    "swe-agent": Style(_tool_call, lambda returncode, output: observed(output), observed),
    "swe-smith-xml": Style(_tagged, lambda returncode, output: observed(output), lambda patch: ""),
}
"""By its name after `Agent:`."""
