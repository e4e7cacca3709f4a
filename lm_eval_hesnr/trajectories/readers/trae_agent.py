"""Trae-agent: a JSON file with `agent_steps`, each with a response of the model and the results of its calls.

`llm_interactions` repeat the responses. Only the prompts of the first interaction are read. If there is no interaction,
the prompts of the first step are read. A call ran if it has a result. A result's text is written as the agent shows it
to the model: the result, then `Error:` and the error.

`success` is the agent's own claim, so the outcome is unknown. A run without a response is skipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.json_values import dict_of, list_of, text_of
from lm_eval_hesnr.trajectories.readers.common import NoReplyError, run_name
from lm_eval_hesnr.trajectories.readers.segments import shown, thought, tool_call
from lm_eval_hesnr.trajectories.schema import Segment, Trajectory

FORMAT = "Trae-agent trajectory"

_META = ("provider", "max_steps", "start_time", "success")


def detect(data: Any) -> bool:
    """Whether the value has the agent's steps and its log of interactions."""
    if not isinstance(data, dict) or not isinstance(data.get("agent_steps"), list):
        return False
    return isinstance(data.get("llm_interactions"), list) and "task" in data


def read(data: Any, path: Path) -> Trajectory:
    """Return the trajectory of one file. Raises NoReplyError if no step has a response."""
    for i, step in enumerate(data["agent_steps"]):
        if not isinstance(step, dict):
            raise ValueError(f"agent_steps {i} should be an object, found {step!r:.40}")
    segments = tuple(_segments(data))
    if not any(segment.generated for segment in segments):
        raise NoReplyError
    return Trajectory(
        id=run_name(path).removesuffix("_trajectory"),
        source="trae-agent",
        resolved=None,
        model=data["model"] if isinstance(data.get("model"), str) and data["model"] else None,
        segments=segments,
        meta={key: data[key] for key in _META if isinstance(data.get(key), (str, int))},
    )


def _segments(data: dict[str, Any]) -> Iterator[Segment]:
    prompts = list(_prompts(data))
    yield from prompts or shown("task", text_of(data["task"]))
    for step in data["agent_steps"]:
        response = dict_of(step.get("llm_response"))
        results = {str(dict_of(r).get("call_id")): dict_of(r) for r in list_of(step.get("tool_results"))}
        yield from thought(text_of(response.get("content")))
        for one in map(dict_of, list_of(response.get("tool_calls")) or list_of(step.get("tool_calls"))):
            executed = True if str(one.get("call_id")) in results else None
            yield tool_call(str(one.get("name")), one.get("arguments"), executed)
        for result in results.values():
            yield from shown("observation", _shown_result(result))
        yield from shown("other", text_of(step.get("reflection")))
        yield from shown("other", text_of(step.get("error")))


def _prompts(data: dict[str, Any]) -> Iterator[Segment]:
    """Yield the messages before the first response. Later messages contain results, which are read from the steps."""
    first_call, first_step = (dict_of(next(iter(data[key]), None)) for key in ("llm_interactions", "agent_steps"))
    for message in map(dict_of, list_of(first_call.get("input_messages")) or list_of(first_step.get("llm_messages"))):
        if message.get("role") in ("system", "user") and not message.get("tool_result"):
            yield from shown("system" if message["role"] == "system" else "task", text_of(message.get("content")))


def _shown_result(result: dict[str, Any]) -> str:
    error = text_of(result.get("error"))
    return (text_of(result.get("result")) + (f"\nError: {error}" if error else "")).strip()
