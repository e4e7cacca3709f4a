"""What several formats share: message texts, tool calls, and the ways a call is written into plain text.

A reader cuts what the model emitted into segments and never edits it: the texts of one emitted string, laid end to
end, are that string. `split_at_calls` does this for every syntax, given where the calls stand.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from lm_eval_hesnr.trajectories.json_values import dict_of, list_of, text_of
from lm_eval_hesnr.trajectories.schema import Call, Kind, Segment
from lm_eval_hesnr.trajectories.tools import SHELL_TOOLS

_FUNCTION = re.compile(r"<function=([^<>\n]+)>")  # no "<" in a name: a row of openings costs linear time
_REST_OF_LINE = re.compile(r"[^\S\n]*\n")
_PARAMETER = re.compile(r"<parameter=(?:(\w+)=(?=[^<]*</parameter>)|([^<>\n]+)>)", re.ASCII)
"""Or malformed, the first form: `<parameter=NAME=value</parameter>`, which OpenHands reads as if it were the second."""


class PartOfRunError(ValueError):
    """What a reader raises for a file that is only the continuation of another, which holds the whole trajectory.

    Nothing is wrong with the file: whoever loads a folder counts it and goes on. Caught before `ValueError`.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(f"part of {path}: that file is read together with this one")
        self.path = path
        """The file that holds the trajectory."""


class Found(NamedTuple):
    """Calls that stand in a text at [start, end), marks included."""

    start: int
    end: int
    calls: tuple[Call, ...]


_NAMES_OF_ALL = ("trajectory", "mini-swe-agent.trajectory")
"""What the files of every Harbor trial are called."""


def run_name(path: Path) -> str:
    """A run's name where its file tells none: the file's, or the trial's folder where Harbor names all files alike."""
    name = path.name
    for ending in (".gz", ".zst", ".jsonl", ".ndjson", ".json", ".traj"):
        name = name.removesuffix(ending)
    if name.removeprefix("agent_") not in _NAMES_OF_ALL:
        return name
    return (path.parent.parent if path.parent.name == "agent" else path.parent).name or name


def call(tool: str, arguments: dict[str, Any], executed: bool | None) -> Call:
    """A call under our names: a shell command of any agent is tool `bash` with `command`."""
    name = SHELL_TOOLS.get(tool)
    if name is not None and name in arguments:
        command = arguments[name]
        if isinstance(command, list) and command and all(isinstance(word, str) for word in command):
            script = len(command) == 3 and command[0].endswith("sh") and command[1] in ("-c", "-lc")
            command = command[2] if script else shlex.join(command)  # Codex: ["bash", "-lc", "ls"]
        if isinstance(command, str):
            rest = {key: value for key, value in arguments.items() if key != name}
            return Call("bash", {"command": command, **rest}, executed)
    return Call(tool, arguments, executed)


def thought(text: str, continues: bool = False) -> Iterator[Segment]:
    """The text as thought; nothing for an empty one."""
    if text:
        yield Segment("thought", text, generated=True, continues=continues)


def shown(kind: Kind, text: str) -> Iterator[Segment]:
    """The text as something the model did not write; nothing for an empty one."""
    if text:
        yield Segment(kind, text)


def reasoning_item(item: dict[str, Any]) -> Iterator[Segment]:
    """Reasoning of the Responses API: its own text, else its summary, which another model wrote: not `generated`."""
    own = text_of(item.get("content"))
    yield from thought(own) if own else shown("thought", text_of(item.get("summary")))


def says_not_executed(answer: str) -> bool:
    """Whether mini-swe-agent answers so a call that it never ran, as an earlier one of the reply ended everything.

    The note stands at the beginning: further on it is something that a command printed.
    """
    return answer.removeprefix("<exception>").startswith("action was not executed")


def reasoning_of(message: dict[str, Any], text: str) -> str:
    """What the model reasoned beside a message's text; nothing where the text repeats it, as in `<think>` tags."""
    reasoning = next((r for key in ("reasoning_content", "reasoning") if (r := text_of(message.get(key)))), "")
    blocks = list_of(message.get("thinking_blocks"))
    reasoning = reasoning or "".join(text_of(dict_of(block).get("thinking")) for block in blocks)
    return "" if reasoning.strip() in text else reasoning


def tool_call(tool: str, arguments: Any, executed: bool | None) -> Segment:
    """A native tool call: an action whose text is the arguments as the model emitted them.

    Arguments that are no JSON object were refused by whatever agent got them: that text is a thought, not an action.
    """
    emitted = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    try:
        decoded = json.loads(emitted, strict=False)
    except (ValueError, RecursionError):
        decoded = None
    if not isinstance(decoded, dict):
        return Segment("thought", emitted, generated=True)
    return Segment("action", emitted, generated=True, calls=(call(tool, decoded, executed),))


def split_at_calls(text: str, found: Iterable[Found]) -> Iterator[Segment]:
    """One emitted string as thought and action segments, in order and without a character lost."""
    position = 0
    for start, end, calls in found:
        yield from thought(text[position:start], continues=position > 0)
        yield Segment("action", text[start:end], generated=True, calls=calls, continues=start > 0)
        position = end
    yield from thought(text[position:], continues=position > 0)


def fenced(text: str, opening: str) -> list[tuple[int, int, str]]:
    """Fenced blocks that `opening` begins, such as "```bash": (start, end, what stands inside), marks in the span.

    Nothing but blanks may follow on the opening line. Scanned by `find`, so that hostile text costs linear time.
    """
    found = []
    start = text.find(opening)
    while start >= 0:
        body = start + len(opening)
        blanks = _REST_OF_LINE.match(text, body)
        if blanks is None:  # ```bashrc
            start = text.find(opening, body)
            continue
        line_end = blanks.end() - 1
        stop = text.find("\n```", line_end)  # an empty block closes on the very next line
        if stop < 0:
            break
        end = stop + len("\n```")
        found.append((start, end, text[line_end + 1 : max(stop, line_end + 1)]))
        start = text.find(opening, end)
    return found


def tagged(text: str, tag: str) -> list[tuple[int, int, str]]:
    """`<tag>...</tag>` blocks: (start, end, what stands inside), tags in the span."""
    opening, closing = f"<{tag}>", f"</{tag}>"
    found = []
    start = text.find(opening)
    while start >= 0:
        body = start + len(opening)
        stop = text.find(closing, body)
        if stop < 0:
            break
        found.append((start, stop + len(closing), text[body:stop]))
        start = text.find(opening, stop + len(closing))
    return found


def xml_functions(text: str, executed: bool | None) -> list[Found]:
    """`<function=NAME><parameter=KEY>value</parameter>...</function>` calls; values are not escaped in this syntax.

    A missing `</function>` ends with the text: it is a stop word that servers cut off.
    """
    found: list[Found] = []
    opening = _FUNCTION.search(text)
    while opening:
        stop = text.find("</function>", opening.end())
        body_end, end = (len(text), len(text)) if stop < 0 else (stop, stop + len("</function>"))
        arguments = _parameters(text[opening.end() : body_end])
        found.append(Found(opening.start(), end, (call(opening.group(1).strip(), arguments, executed),)))
        opening = _FUNCTION.search(text, end)
    return found


def _parameters(body: str) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    opening = _PARAMETER.search(body)
    while opening:
        stop = body.find("</parameter>", opening.end())
        stop = len(body) if stop < 0 else stop
        arguments[(opening.group(1) or opening.group(2)).strip()] = body[opening.end() : stop]
        opening = _PARAMETER.search(body, stop)
    return arguments
