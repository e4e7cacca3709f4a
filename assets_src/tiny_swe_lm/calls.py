"""The three styles in which an agent writes a turn: a fenced shell block, a JSON tool call, an XML-like call.

The package reads formats with these styles. `restyle` rewrites the turns of a finished session in another style.
Nothing else in the session changes, so its commands are still those that were really run.
"""

from __future__ import annotations

import json
import random
import re
from typing import Any

STYLES = ("fence", "json", "xml")
TURN = re.compile(r"^### Agent\n(.*?)\n\n(?=### (?:System|Task|Agent|Observation)\n|\Z)", re.M | re.S)
FENCED = re.compile(r"(?P<thought>.*?)\n*^```bash\n(?P<command>.*)\n```$", re.M | re.S)
JSON_CALL = re.compile(r'(?P<thought>.*?)\n*^(?P<call>\{(?:"\w+": .*)?\})$', re.M | re.S)
XML_CALL = re.compile(r"(?P<thought>.*?)\n*^(?P<call><function=.*</function>)$", re.M | re.S)


def write_call(style: str, tool: str, arguments: dict[str, Any]) -> str:
    """One call as the agent writes it. A fenced block can only contain a shell command."""
    if style == "json":
        return json.dumps(arguments, ensure_ascii=False)
    if style == "xml":
        lines = [f"<parameter={name}>{_value(value)}</parameter>" for name, value in arguments.items()]
        return "\n".join([f"<function={tool}>", *lines, "</function>"])
    return f"```bash\n{arguments['command']}\n```"


def _value(value: Any) -> str:
    """The value of a parameter. A value of several lines gets a line end before and after it."""
    text = value if isinstance(value, str) else json.dumps(value)
    return f"\n{text}\n" if "\n" in text else text


def write_turn(style: str, thought: str, call: str) -> str:
    """Thought and call. Before a JSON tool call the thought is a separate message, so there is only one line end."""
    if not thought:
        return call
    return f"{thought}\n{call}" if style == "json" else f"{thought}\n\n{call}"


def restyle(session: str, style: str) -> str:
    """The session with its shell turns rewritten in `style`, and its `submit` as a call of the tool `submit`."""

    def rewrite(turn: re.Match[str]) -> str:
        fenced, called = FENCED.fullmatch(turn[1]), JSON_CALL.fullmatch(turn[1])
        if fenced:
            thought, command = fenced["thought"].removeprefix("THOUGHT: "), fenced["command"]
        elif called and list(json.loads(called["call"])) == ["command"]:
            thought, command = called["thought"], json.loads(called["call"])["command"]
        else:
            return turn[0]
        call = (
            write_call(style, "submit", {}) if command == "submit" else write_call(style, "bash", {"command": command})
        )
        return f"### Agent\n{write_turn(style, thought, call)}\n\n"

    return TURN.sub(rewrite, session)


def chosen_style(rng: random.Random, shares: dict[str, float]) -> str | None:
    """A random style, drawn by the shares; None for the remaining share, which is not rewritten."""
    drawn = rng.random()
    for style, share in shares.items():
        drawn -= share
        if drawn < 0:
            return style
    return None
