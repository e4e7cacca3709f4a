"""The steps of an ATIF file as segments.

ATIF stores tool calls as objects. An action's text is such an object written as JSON: its strings are the model's, but
the spaces between them may not be. `message` is the model's text, with these exceptions:
- mini-swe-agent's conversion repeats the command of the message as a tool call, even if the agent refused the turn.
  The command is read from the message. A refused turn has no command.
- terminus-2 without raw content rewrites the model's JSON as "Analysis: ..., Plan: ...". This text is a thought that is
  not `generated`. Its calls are objects of that JSON, except `mark_task_complete`, which replaces a flag and is not
  generated. With raw content, the message is the original reply, and the commands in it are the actions.
- OpenHands' events, Claude Code and rewritten data sets write a caption as the message ("I edited the file", "Executed
  Bash", the tool's name). It is `other`.
Context copied from an earlier file is `task` at the beginning and `other` later. It is never generated. User messages
after the agent's first turn are `other`, such as reminders.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from lm_eval_hesnr.trajectories.json_values import dict_of, list_of, text_of
from lm_eval_hesnr.trajectories.readers import terminus
from lm_eval_hesnr.trajectories.readers.agent_notes import refusals_of, says_not_executed
from lm_eval_hesnr.trajectories.readers.found_calls import Found, fenced, split_at_calls, tagged, xml_functions
from lm_eval_hesnr.trajectories.readers.segments import call, thought, tool_call
from lm_eval_hesnr.trajectories.schema import Segment


def step_segments(steps: list[dict[str, Any]], agent: dict[str, Any]) -> Iterator[Segment]:
    """Yield the segments of all steps. The kind of a system or user step depends on whether the agent has begun."""
    name = str(agent.get("name"))
    refusals = refusals_of(name, _error_template(agent))
    begun = instructed = False
    reasoning = ""
    for step in steps:
        source, copied = step["source"], step.get("is_copied_context") is True
        results = [dict_of(result) for result in list_of(dict_of(step.get("observation")).get("results"))]
        answers = [text_of(result.get("content")) for result in results]
        refused = source == "agent" and any(answer.startswith(refusals) for answer in answers[:1])
        if source == "agent":
            turn = list(_turn(step, name, results, refused, reasoning))
            reasoning = text_of(step.get("reasoning_content"))
        elif source == "system" and not instructed:
            turn = [Segment("system", text_of(step.get("message")))]
        else:
            turn = [Segment("task" if source == "user" and not begun else "other", text_of(step.get("message")))]
        turn += [Segment("other" if refused else "observation", answer) for answer in answers if answer]
        if copied:
            turn = [_copied(segment, begun) for segment in turn]
        elif step.get("llm_call_count") == 0:
            turn = [replace(segment, generated=False) for segment in turn]
        instructed = instructed or source != "system"
        begun = begun or (source == "agent" and not copied)
        yield from turn


def _turn(
    step: dict[str, Any], agent: str, results: list[dict[str, Any]], refused: bool, previous_reasoning: str
) -> Iterator[Segment]:
    """Yield what the model wrote in one agent step."""
    message, reasoning = text_of(step.get("message")), text_of(step.get("reasoning_content"))
    calls = [dict_of(item) for item in list_of(step.get("tool_calls"))]
    if (
        reasoning != previous_reasoning and reasoning not in message
    ):  # conversions repeat the reasoning in the message and in several steps
        yield from thought(reasoning)
    if refused:
        yield from thought(message)
        return
    ran = _ran(calls, results, agent)
    written = _calls_in_message(message, calls, ran, agent, len(results))
    if written is not None:
        yield from split_at_calls(message, written)
        return
    if calls and (agent == "openhands" or message in _captions(calls)):
        if message:
            yield Segment("other", message)
    elif agent.startswith("terminus") and (calls or message.startswith(("Analysis: ", "Plan: "))):
        if message:
            yield Segment("thought", message)
    else:
        yield from thought(message)
    for item, executed in zip(calls, ran, strict=False):
        tool, arguments = str(item.get("function_name")), item.get("arguments")
        segment = tool_call(tool, arguments, executed)
        yield replace(segment, generated=tool != "mark_task_complete")


def _calls_in_message(
    message: str, calls: list[dict[str, Any]], ran: list[bool | None], agent: str, n_results: int
) -> list[Found] | None:
    """The calls of a step as found in its message; None if the message does not contain them."""
    if not calls and agent.startswith("terminus"):
        return terminus.commands(message, ran[0]) or None
    if not calls:
        found = xml_functions(message, None)
        return (xml_functions(message, True) if len(found) <= n_results else found) or None
    command = dict_of(calls[0].get("arguments")).get("command")
    if len(calls) > 1 or not isinstance(command, str):
        return None
    blocks = fenced(message, "```mswea_bash_command") or fenced(message, "```bash")
    blocks = blocks or tagged(message, "mswea_bash_command") or tagged(message, "bash_code")
    if agent == "mini-swe-agent" and len(blocks) > 1:  # it runs only a reply with exactly one command
        return []
    same = [block for block in blocks if block[2].strip() == command.strip()]
    return [Found(start, end, (call("bash", {"command": command}, ran[0]),)) for start, end, _ in same[:1]] or None


def _ran(calls: list[dict[str, Any]], results: list[dict[str, Any]], agent: str) -> list[bool | None]:
    """Whether each call ran; one entry for a step without calls. Results belong to calls by id, otherwise by position.

    Terminus runs all commands of a step and stores one result without an id for all of them.
    """
    by_id = {result["source_call_id"]: result for result in results if isinstance(result.get("source_call_id"), str)}
    answers: list[dict[str, Any] | None]
    if by_id:
        answers = [by_id.get(str(item.get("tool_call_id"))) for item in calls]
    elif len(results) == len(calls):
        answers = list(results)
    else:
        answers = [results[0] if results and agent.startswith("terminus") else None] * len(calls)
    answers = answers or [results[0] if results else None]
    padded = agent == "mini-swe-agent"
    return [
        None if answer is None else not (padded and says_not_executed(text_of(answer.get("content"))))
        for answer in answers
    ]


def _captions(calls: list[dict[str, Any]]) -> set[str]:
    """The texts that conversions write instead of a message of the model."""
    names = {str(item.get("function_name")) for item in calls}
    return names | {f"Executed {item.get('function_name')} {item.get('tool_call_id')}" for item in calls}


def _copied(segment: Segment, begun: bool) -> Segment:
    """A segment of copied context: the model did not write it in this file."""
    if segment.kind == "system" and not begun:
        return segment
    return Segment("other" if begun else "task", segment.text, continues=segment.continues)


def _error_template(agent: dict[str, Any]) -> str:
    """mini-swe-agent's configured note about a reply that could not be parsed."""
    return text_of(dict_of(dict_of(agent.get("extra")).get("agent_config")).get("format_error_template"))
