"""SWE-agent's text parsers: one function for each parser, which finds the command in a reply.

Each is a `CallFinder`, and returns an empty list if the parser refuses the text. Function calling is not here, because
its calls are not in the text.
"""

from __future__ import annotations

import contextlib
import json
import re
import shlex
from typing import Any

from lm_eval_hesnr.trajectories.json_values import dict_of
from lm_eval_hesnr.trajectories.readers.found_calls import CallFinder, Found, fenced, shell_command, xml_functions
from lm_eval_hesnr.trajectories.readers.segments import call
from lm_eval_hesnr.trajectories.schema import Call

_FENCE = re.compile(r"^```(\S*)\s*\n|^```\s*$", re.MULTILINE)
_FUNCTION = re.compile(r"<function=[^<>\n]+>\n")
_EDGE_NEWLINE = re.compile(r"^\n|\n$")
_BLANKS = re.compile(r"[ \t\n\r]*")
_JSON = json.JSONDecoder(strict=False)


def last_block(text: str, executed: bool | None) -> list[Found]:
    """`thought_action`: the last fenced block outside any other; a fence with a name inside a block is nested."""
    open_fences: list[re.Match[str]] = []
    block = None
    for fence in _FENCE.finditer(text):
        if open_fences and not fence.group(1):
            opening = open_fences.pop()
            if not open_fences:
                block = (opening, fence)
        elif fence.group(1) is not None:
            open_fences.append(fence)
    if block is None:
        return []
    opening, closing = block
    command = text[opening.end() : closing.start()]
    return [shell_command(opening.start(), closing.start() + len("```"), command, executed)]


def last_command_tag(text: str, executed: bool | None) -> list[Found]:
    """`xml_thought_action`: the text between the last `<command>` and the last `</command>`."""
    start, stop = text.rfind("<command>"), text.rfind("</command>")
    if not 0 <= start < stop:
        return []
    return [shell_command(start, stop + len("</command>"), text[start + len("<command>") : stop], executed)]


def first_function(text: str, executed: bool | None) -> list[Found]:
    """`xml_function_calling`: the first `<function=NAME>` at the end of a line (in prose, text follows the tag).

    The parser removes one line end from each end of a value (release 1.0: all spaces). They are markup.
    """
    opening = _FUNCTION.search(text)
    stop = text.find("</function>", opening.end()) if opening else -1
    if not opening or stop < 0:
        return []
    start, end = opening.start(), stop + len("</function>")
    (parsed,) = xml_functions(text[start:end], executed)[0].calls
    arguments = {name: _EDGE_NEWLINE.sub("", value) for name, value in parsed.arguments.items()}
    return [Found(start, end, (Call(parsed.tool, arguments, executed),))]


def bash_blocks(text: str, executed: bool | None) -> list[Found]:
    """`all_bash_code_blocks`: all bash fences, which run one after the other."""
    return [shell_command(start, end, inside, executed) for start, end, inside in fenced(text, "```bash")]


def single_bash_block(text: str, executed: bool | None) -> list[Found]:
    """`single_bash_code_block`: the bash fence, if there is exactly one."""
    found = bash_blocks(text, executed)
    return found if len(found) == 1 else []


def whole_text(text: str, executed: bool | None) -> list[Found]:
    """`action`, `action_only` and `identity`: the whole reply is the command."""
    return [shell_command(0, len(text), text, executed)] if text.strip() else []


def json_command(text: str, executed: bool | None) -> list[Found]:
    """`json`: the object under `command`, in three parts, so that its arguments are labelled like those of a tool call.

    The text before it, with the thought, and the closing brace after it are not part of the action.
    """
    start = _BLANKS.match(text).end()  # type: ignore[union-attr]  # matches the empty string too
    try:
        reply = json.loads(text, strict=False)
        begin, end = _json_values(text, start)["command"]
        inner = _json_values(text, begin)
    except (ValueError, KeyError, RecursionError):
        return []
    command = dict_of(reply["command"])
    name, arguments = command.get("name"), command.get("arguments")
    if not isinstance(name, str):
        return []
    if not isinstance(arguments, dict) or not arguments:
        return [Found(begin, end, (Call(name, {}, executed),))]
    args_begin, args_end = inner["arguments"]
    parsed = call(name, arguments, executed)
    return [Found(begin, args_begin, ()), Found(args_begin, args_end, (parsed,)), Found(args_end, end, ())]


PARSERS: dict[str, CallFinder] = {
    "thought_action": last_block,
    "edit_format": last_block,
    "xml_thought_action": last_command_tag,
    "xml_function_calling": first_function,
    "single_bash_code_block": single_bash_block,
    "all_bash_code_blocks": bash_blocks,
    "json": json_command,
    "action": whole_text,
    "action_only": whole_text,
    "identity": whole_text,
}
"""Name under `parse_function.type` in the configuration -> parser. Tried in this order if the file names no parser."""


def find_commands(text: str, action: str | None, parser: str | None, executed: bool | None) -> list[Found]:
    """Return the calls of one reply, found by the parser whose result is the recorded action.

    Args:
        text: the model's reply.
        action: the recorded action; None if the file records no action. Then the parser alone decides.
        parser: the run's parser, if the file names it.
        executed: whether the calls ran.

    Raises:
        ValueError: the text does not contain the recorded action.
    """
    own = PARSERS[parser](text, executed) if parser in PARSERS else []
    if action is None:
        return own
    if not action.strip():
        return []
    if own and _is_action(own, action):
        return _as_recorded(own, action)
    for other in dict.fromkeys(PARSERS.values()):
        found = other(text, executed)
        if found and _is_action(found, action):
            return _as_recorded(found, action)
    if own:  # the recorded action may use another name for the tool
        return own
    start = text.rfind(action.strip())
    if start < 0:
        raise ValueError(
            f"the reply {text!r:.60} does not contain the recorded action {action.strip()!r:.60}; "
            f"parser {parser or 'not named'}, known: {', '.join(PARSERS)}"
        )
    return [shell_command(start, start + len(action.strip()), action, executed)]


def _is_action(found: list[Found], action: str) -> bool:
    """Whether the calls are the recorded action: a command is recorded unchanged, other tools by name and values."""
    calls = [parsed for place in found for parsed in place.calls]
    if all(parsed.tool == "bash" for parsed in calls):
        commands = [str(parsed.arguments.get("command", "")).strip() for parsed in calls]
        return "\n".join(commands) == action.strip() or (len(commands) > 1 and _same_lines(commands, action))
    name = {"finish": "submit"}.get(calls[0].tool, calls[0].tool)
    return action.split(maxsplit=1)[0] == name


def _as_recorded(found: list[Found], action: str) -> list[Found]:
    """The calls, without spaces at a value's ends if the recorded action has the value without them."""
    words = {action, action.strip()}
    with contextlib.suppress(ValueError):  # for example an unclosed quote
        words.update(shlex.split(action))
    return [place._replace(calls=tuple(_stripped(parsed, words) for parsed in place.calls)) for place in found]


def _stripped(parsed: Call, words: set[str]) -> Call:
    """The call, without spaces at the ends of a value that is one of the words only then."""
    arguments = {
        name: value.strip() if isinstance(value, str) and value not in words and value.strip() in words else value
        for name, value in parsed.arguments.items()
    }
    return Call(parsed.tool, arguments, parsed.executed)


def _same_lines(commands: list[str], action: str) -> bool:
    """Whether several commands together are the action, ignoring all spaces."""
    return "".join("".join(commands).split()) == "".join(action.split())


def _json_values(text: str, start: int) -> dict[str, tuple[int, int]]:
    """Key -> span of its value, for the JSON object at `start`. Raises ValueError if there is no object."""
    places: dict[str, tuple[int, int]] = {}
    if text[start : start + 1] != "{":
        raise ValueError("not an object")
    position = start
    while text[position] != "}":
        position = _after_blanks(text, position + 1)  # after the brace or the comma
        if text[position] == "}":
            break
        key, position = _decode(text, position)
        begin = _after_blanks(text, _after_blanks(text, position) + 1)  # after the colon
        _, position = _decode(text, begin)
        places[str(key)] = (begin, position)
        position = _after_blanks(text, position)
    return places


def _decode(text: str, position: int) -> tuple[Any, int]:
    return _JSON.raw_decode(text, position)


def _after_blanks(text: str, position: int) -> int:
    blanks = _BLANKS.match(text, position)
    return blanks.end() if blanks else position
