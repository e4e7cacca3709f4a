"""Terminus-2 replies as the model wrote them: commands inside one JSON object, or inside `<keystrokes>` tags.

Each command is an action of its own; the analysis and the plan around it are thought. What is typed into the terminal
is a `bash` command, Enter being the line end at its end.
"""

from __future__ import annotations

import json
import re

from lm_eval_hesnr.trajectories.readers.found_calls import Found
from lm_eval_hesnr.trajectories.readers.segments import call

_DECODER = json.JSONDecoder(strict=False)
_BETWEEN = re.compile(r"[ \t\r\n,]*")
_COLON = re.compile(r"[ \t\r\n]*:[ \t\r\n]*")


def commands(reply: str, executed: bool | None) -> list[Found]:
    """Where the commands of a reply stand, in order; none in a reply that is not in either form."""
    return _in_tags(reply, executed) if "<keystrokes" in reply else _in_json(reply, executed)


def _in_json(reply: str, executed: bool | None) -> list[Found]:
    """The objects of the list `commands` of the first JSON object. A brace missing at the end does no harm."""
    start = reply.find("{")
    if start < 0:
        return []
    position = _after(reply, start + 1)
    try:
        while reply.startswith('"', position):
            key, position = _DECODER.raw_decode(reply, position)
            colon = _COLON.match(reply, position)
            if colon is None:
                break
            position = colon.end()
            if key == "commands" and reply.startswith("[", position):
                return _objects(reply, _after(reply, position + 1), executed)
            position = _after(reply, _DECODER.raw_decode(reply, position)[1])
    except (ValueError, RecursionError):
        pass  # broken: the agent could not read it either
    return []


def _objects(reply: str, position: int, executed: bool | None) -> list[Found]:
    found = []
    while reply.startswith("{", position):
        value, end = _DECODER.raw_decode(reply, position)
        if isinstance(value.get("keystrokes"), str):
            found.append(Found(position, end, (call("bash_command", value, executed),)))
        position = _after(reply, end)
    return found


def _in_tags(reply: str, executed: bool | None) -> list[Found]:
    """`<keystrokes duration="1">ls</keystrokes>`; nothing is escaped inside."""
    found = []
    start = reply.find("<keystrokes")
    while start >= 0:
        body = reply.find(">", start) + 1
        stop = reply.find("</keystrokes>", body) if body else -1
        if stop < 0:
            break
        end = stop + len("</keystrokes>")
        found.append(Found(start, end, (call("bash_command", {"keystrokes": reply[body:stop]}, executed),)))
        start = reply.find("<keystrokes", end)
    return found


def _after(text: str, position: int) -> int:
    """Where the next value begins: blanks and commas passed."""
    match = _BETWEEN.match(text, position)
    return match.end() if match else position
