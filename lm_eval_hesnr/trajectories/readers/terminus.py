"""Terminus-2 replies as the model wrote them: commands in one JSON object, or in `<keystrokes>` tags.

Each command is an action. The analysis and the plan around it are thoughts. Keystrokes are a `bash` command. A line end
after them is the Enter key.
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
    """Return the commands of a reply, in order; empty if the reply has neither form."""
    return _in_tags(reply, executed) if "<keystrokes" in reply else _in_json(reply, executed)


def _in_json(reply: str, executed: bool | None) -> list[Found]:
    """The objects in the list `commands` of the first JSON object. The closing brace may be missing."""
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
        pass  # broken JSON: the agent could not read it either
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
    """The commands in tags, such as `<keystrokes duration="1">ls</keystrokes>`; nothing is escaped inside."""
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
    """Where the next value begins, after spaces and commas."""
    match = _BETWEEN.match(text, position)
    return match.end() if match else position
