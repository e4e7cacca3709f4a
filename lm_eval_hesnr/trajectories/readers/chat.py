"""A chat as segments, for the generic readers.

Each message is read on its own: its role is in `role` or `from`, its text in `content` or `value`. A null key is a
missing key.

Before the first reply, a user message is the task. After it, a user message is an observation if it answers a call or
begins with a mark of an environment. Any other user message is `other`, such as a reminder or another request.

A fenced shell block is a call only in an agent's run, because answers to questions about the shell contain such blocks
too. A chat is a run if its system prompt mentions an agent or a shell, or if a message is the environment's output or
note.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from lm_eval_hesnr.trajectories.json_values import dict_of, list_of, text_of
from lm_eval_hesnr.trajectories.readers.agent_notes import RESULT_MARKS, is_refusal
from lm_eval_hesnr.trajectories.readers.found_calls import split_at_calls
from lm_eval_hesnr.trajectories.readers.segments import call, reasoning_of, thought, tool_call
from lm_eval_hesnr.trajectories.readers.text_calls import calls_in, json_calls, syntax_of
from lm_eval_hesnr.trajectories.schema import Segment

ROLES = {
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("user", "human"), "user"),
    **dict.fromkeys(("assistant", "ai", "gpt", "model", "bot", "function_call"), "assistant"),
    **dict.fromkeys(("tool", "function", "observation", "environment", "ipython", "tool_response"), "tool"),
    "exit": "other",
}
"""Role names of published files -> the roles of this package."""

_OF_AGENTS = re.compile(r"agent|bash|command|environment|shell|terminal|```", re.IGNORECASE)
"""Words of system prompts for agents that run fenced blocks."""


class NativeCall(NamedTuple):
    """A tool call stored outside the text."""

    id: str
    tool: str
    arguments: Any
    """As in the file: the model's string, or the decoded value."""
    is_json: bool
    """False for a tool that takes plain text."""


class Message(NamedTuple):
    """One message of a chat, under this package's names."""

    role: str
    """`system`, `user`, `assistant`, `tool` or `other`."""
    text: str
    reasoning: str = ""
    calls: tuple[NativeCall, ...] = ()
    answers: str = ""
    """Id of the call that a result belongs to."""
    is_call: bool = False
    """Whether the whole text may be a call (ShareGPT's `function_call`)."""
    goes_on: bool = False
    """Whether it continues the previous reply: the text after a call."""


def parse_messages(rows: list[Any]) -> list[Message]:
    """Return the messages of a chat. Raises ValueError that names a malformed message and key."""
    return [message for i, row in enumerate(rows) for message in _parse_element(row, f"message {i}")]


def chat_segments(messages: list[Message]) -> Iterator[Segment]:
    """Yield the segments of a chat. Raises ValueError if the chat has no reply."""
    if not any(message.role == "assistant" for message in messages):
        raise ValueError("the chat has no message with role assistant")
    chat = _Chat(messages)
    started = acted = False  # acted: the last reply has calls that user messages may answer
    for i, message in enumerate(messages):
        if message.role == "assistant":
            turn = list(chat.reply(i))
            acted = message.goes_on and acted
            started, acted = True, acted or (any(segment.calls for segment in turn) and chat.results_are_users)
            yield from turn
        elif message.role == "tool":
            yield Segment("observation", message.text)
        elif message.role == "user" and started and (acted or message.text.startswith(RESULT_MARKS)):
            yield Segment("observation", message.text)
            acted = False
        elif started or message.role == "other":
            yield Segment("other", message.text)
        else:
            yield Segment("task" if message.role == "user" else "system", message.text)


class _Chat:
    """Facts about the whole chat, needed to decide whether a call ran."""

    def __init__(self, messages: list[Message]) -> None:
        ids = Counter(c.id for message in messages for c in message.calls)
        self.messages = messages
        self.unique = {call_id for call_id, count in ids.items() if count == 1 and call_id}
        self.answered = {message.answers for message in messages if message.role == "tool"}
        self.native = bool(ids)
        self.results_are_users = not any(message.role == "tool" for message in messages)
        self.syntax = None if self.native else syntax_of(m.text for m in messages if m.role == "assistant")
        instructions = "".join(m.text for m in messages[:2] if m.role != "assistant").lower()
        self.exactly_one = self.syntax == "```" and "exactly one" in instructions
        """mini-swe-agent runs nothing of a reply unless it has exactly one fenced block."""
        if self.syntax == "```" and not (self.exactly_one or _is_run(messages)):
            self.syntax = None
        self.next_reply = [len(messages)] * len(messages)
        for i in range(len(messages) - 2, -1, -1):
            begins = messages[i + 1].role == "assistant" and not messages[i + 1].goes_on
            self.next_reply[i] = i + 1 if begins else self.next_reply[i + 1]

    def reply(self, i: int) -> Iterator[Segment]:
        """Yield one reply: reasoning, prose and actions, in the order the model wrote them."""
        message = self.messages[i]
        answers = [m for m in self.messages[i + 1 : self.next_reply[i]] if m.role in ("tool", "user")]
        yield from thought(message.reasoning)
        if message.is_call and (calls := json_calls(message.text, True if answers else None)):
            yield Segment("action", message.text, generated=True, calls=calls)
        elif self.native:
            yield from thought(message.text)
            yield from self._native_reply(message, answers)
        else:
            yield from self._text_reply(message.text, answers)

    def _native_reply(self, message: Message, answers: list[Message]) -> Iterator[Segment]:
        """Yield native calls. A result belongs to a call by id, or by position if ids are missing or repeated."""
        role = "user" if self.results_are_users else "tool"
        enough = sum(answer.role == role for answer in answers) >= len(message.calls)
        for call_id, tool, arguments, is_json in message.calls:
            by_id = call_id in self.unique and not self.results_are_users
            executed = True if (call_id in self.answered if by_id else enough) else None
            if is_json and arguments not in (None, ""):
                yield tool_call(tool, arguments, executed)
            else:
                emitted = arguments or ""
                decoded = {} if is_json else {"input": emitted}
                yield Segment("action", emitted, generated=True, calls=(call(tool, decoded, executed),))

    def _text_reply(self, text: str, answers: list[Message]) -> Iterator[Segment]:
        """Yield prose and calls in the text. Several calls of one reply ran only if as many answers follow."""
        refused = bool(answers) and is_refusal(answers[0].text)
        found = [] if refused else calls_in(text, self.syntax, None)
        if self.exactly_one and len(found) != 1:
            found = []
        one_answer_for_all = self.syntax == "keystrokes"  # as in terminus-2
        if answers and (len(found) <= len(answers) or one_answer_for_all):
            found = [f._replace(calls=tuple(replace(call, executed=True) for call in f.calls)) for f in found]
        yield from split_at_calls(text, found)


def _is_run(messages: list[Message]) -> bool:
    """Whether a chat with fenced blocks is an agent's run, judged by its system prompt, results and notes."""
    return any(
        message.role == "tool"
        or (message.role == "system" and _OF_AGENTS.search(message.text) is not None)
        or (message.role == "user" and (message.text.startswith(RESULT_MARKS) or is_refusal(message.text)))
        for message in messages
    )


def _parse_element(row: Any, where: str) -> Iterator[Message]:
    """Yield the message of one element; several messages if the element contains results of calls."""
    if isinstance(row, list) and len(row) == 1:
        row = row[0]
    if not isinstance(row, dict):
        raise ValueError(f"{where}: expected an object, found {type(row).__name__}")
    name = row.get("from") if row.get("role") is None else row["role"]
    role = ROLES.get(name) if isinstance(name, str) else None
    if role is None:
        raise ValueError(f"{where}: unknown role {name!r:.40}; known roles: {', '.join(ROLES)}")
    content = row.get("value") if row.get("content") is None else row["content"]
    if not isinstance(content, (str, list, dict, type(None))):
        raise ValueError(f"{where}: key 'content' should be text, found {type(content).__name__}")
    parts = [{"text": part} if isinstance(part, str) else dict_of(part) for part in list_of(content)]
    results = [part for part in parts if part.get("type") == "tool_result"]
    for part in results:
        yield Message("tool", text_of(part.get("content")), answers=str(part.get("tool_use_id") or ""))
    text = text_of([content] if isinstance(content, dict) else content)
    if role != "assistant":
        if text or not results:
            yield Message(role, text, answers=str(row.get("tool_call_id") or ""))
        return
    yield from _replies(row, parts, text, is_call=name == "function_call", where=where)


def _replies(
    row: dict[str, Any], parts: list[dict[str, Any]], text: str, *, is_call: bool, where: str
) -> Iterator[Message]:
    """Yield the messages of one reply: one, and one more for each text after a call (Anthropic's parts are ordered)."""
    first, *others = _split_after_calls(parts)
    text = text_of(first) if others else text
    reasoning = reasoning_of({**row, "thinking_blocks": row.get("thinking_blocks") or first}, text)
    yield Message("assistant", text, reasoning, tuple(_native_calls(row, first, where)), is_call=is_call)
    for rest in others:
        text = text_of(rest)
        calls = tuple(_native_calls({}, rest, where))
        yield Message("assistant", text, reasoning_of({"thinking_blocks": rest}, text), calls, goes_on=True)


def _split_after_calls(parts: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The parts of a reply, split where text or thinking follows a call."""
    groups: list[list[dict[str, Any]]] = [[]]
    for part in parts:
        follows_call = bool(groups[-1]) and groups[-1][-1].get("type") == "tool_use"
        if follows_call and (text_of(part.get("text")) or text_of(part.get("thinking"))):
            groups.append([])
        groups[-1].append(part)
    return groups


def _native_calls(row: dict[str, Any], parts: list[dict[str, Any]], where: str) -> Iterator[NativeCall]:
    """Yield the calls of `tool_calls`, of the older `function_call`, and of Anthropic's `tool_use` parts."""
    listed = row.get("tool_calls")
    if not isinstance(listed, (list, type(None))):
        raise ValueError(f"{where}: key 'tool_calls' should be a list, found {type(listed).__name__}")
    calls = list_of(listed)
    if not calls and isinstance(row.get("function_call"), dict):
        calls = [{"function": row["function_call"]}]
    for i, item in enumerate(calls):
        item = dict_of(item)
        custom = item.get("custom")
        function = dict_of(custom) or dict_of(item.get("function")) or item
        name, arguments = function.get("name"), function.get("input" if custom else "arguments")
        if not isinstance(name, str):
            raise ValueError(f"{where}: call {i} should have a name, found {name!r:.40}")
        if custom and not isinstance(arguments, (str, type(None))):
            raise ValueError(f"{where}: call {i}: key 'input' should be text, found {type(arguments).__name__}")
        yield NativeCall(str(item.get("id") or ""), name, _without_nulls(arguments), not custom)
    for part in parts:
        if part.get("type") == "tool_use":
            yield NativeCall(str(part.get("id") or ""), str(part.get("name")), _without_nulls(part.get("input")), True)


def _without_nulls(arguments: Any) -> Any:
    """Decoded arguments without the nulls that a columnar file added."""
    if not isinstance(arguments, dict):
        return arguments
    return {key: value for key, value in arguments.items() if value is not None}
