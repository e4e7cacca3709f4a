"""Logs of Inspect: `.json`, or `.eval`, which is a zip with a JSON file for each sample. Each sample is a run.

A sample's `messages` are read. A long text may be in the sample's `attachments`. Messages of role `assistant` that
the task's author wrote (`source: input`) are `other`. A call ran if its result follows, unless the result's error says
that it was not approved. A call that could not be parsed is a thought.

A sample has an outcome if every scorer has the value correct (`C`, true) or every scorer has the value incorrect (`I`,
false). A number is an outcome only for the scorer of SWE-bench, because other numbers may be fractions or lengths.

The events are left out. So texts of the model that are not in the final `messages` are lost, such as those before a
compaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.containers import INSPECT_KEYS
from lm_eval_hesnr.trajectories.json_values import dict_of, list_of, text_of
from lm_eval_hesnr.trajectories.readers.common import NoReplyError, first_verdict, run_name
from lm_eval_hesnr.trajectories.readers.segments import shown, thought, tool_call
from lm_eval_hesnr.trajectories.schema import Segment, Trajectory

FORMAT = "Inspect log"

_VERDICTS = {"C": True, "I": False}
_SWE_BENCH = "swe_bench"
_ATTACHMENT = "attachment://"


def detect(data: Any) -> bool:
    """Whether the value is a log, or a sample with the description of its evaluation."""
    if not isinstance(data, dict) or data.keys() == set(INSPECT_KEYS):
        return isinstance(data, dict)
    evaluation = data.get("eval")
    return isinstance(evaluation, dict) and "task" in evaluation and "status" in data and "version" in data


def separate_runs(data: Any) -> list[Any]:
    """The samples of a log, each with the description of the evaluation; a single sample unchanged."""
    if data.keys() == set(INSPECT_KEYS):
        return [data]
    return [dict(zip(INSPECT_KEYS, (data["eval"], sample), strict=True)) for sample in list_of(data.get("samples"))]


def read(data: Any, path: Path) -> Trajectory:
    """Return the trajectory of one sample. Raises ValueError for a sample without messages, and for a whole log."""
    if data.keys() != set(INSPECT_KEYS):
        n_samples = len(list_of(data.get("samples")))
        raise ValueError(f"a log of Inspect with {n_samples} samples, each of which is a run")
    evaluation, sample = (dict_of(data[key]) for key in INSPECT_KEYS)
    messages = sample.get("messages")
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        name = f"sample {sample.get('id')!r:.40}: key 'messages'"
        raise ValueError(f"{name} should be a list of objects, found {messages!r:.40}")
    segments = tuple(_segments(messages, dict_of(sample.get("attachments"))))
    if not any(segment.generated for segment in segments):
        raise NoReplyError
    name, epoch = text_of(evaluation.get("task")) or run_name(path), sample.get("epoch")
    models = [*(message.get("model") for message in messages), evaluation.get("model")]
    return Trajectory(
        id=f"{name}/{sample.get('id')}" + (f"/epoch {epoch}" if isinstance(epoch, int) and epoch > 1 else ""),
        source="inspect-ai",
        resolved=_outcome(sample),
        model=next((model for model in models if isinstance(model, str) and model), None),
        segments=segments,
        meta={key: sample[key] for key in ("uuid", "epoch") if isinstance(sample.get(key), (str, int))},
    )


def _segments(messages: list[dict[str, Any]], attachments: dict[str, Any]) -> Iterator[Segment]:
    results = {str(m.get("tool_call_id")): dict_of(m.get("error")) for m in messages if m.get("role") == "tool"}
    begun = False
    for message in messages:
        role, content = message.get("role"), message.get("content")
        if role == "assistant" and message.get("source") != "input":
            begun = True
            yield from _reply(message, results, attachments)
        elif role == "tool":
            text = _text(content, attachments) or text_of(dict_of(message.get("error")).get("message"))
            yield from shown("observation", text)
        elif role in ("system", "user") and not begun:
            yield from shown("system" if role == "system" else "task", _text(content, attachments))
        else:
            yield from shown("other", _text(content, attachments))


def _reply(
    message: dict[str, Any], results: dict[str, dict[str, Any]], attachments: dict[str, Any]
) -> Iterator[Segment]:
    content = message.get("content")
    for part in content if isinstance(content, list) else [content]:
        yield from thought(_text(dict_of(part).get("reasoning"), attachments) or _text([part], attachments))
    for one in map(dict_of, list_of(message.get("tool_calls"))):
        error = results.get(str(one.get("id")))
        executed = None if error is None else error.get("type") != "approval"
        arguments = one.get("arguments")
        action = tool_call(str(one.get("function")), _attached(arguments, attachments), executed)
        refused = one.get("parse_error") or (error or {}).get("type") == "parsing"
        yield from thought(action.text) if refused else iter([action])


def _text(content: Any, attachments: dict[str, Any]) -> str:
    """The text of a message's content, also if it is attached."""
    if isinstance(content, list):
        return "".join(_text(part.get("text") if isinstance(part, dict) else part, attachments) for part in content)
    return str(_attached(text_of(content), attachments))


def _attached(value: Any, attachments: dict[str, Any]) -> Any:
    """The value with every text that names an attachment replaced by the attachment."""
    if isinstance(value, dict):
        return {key: _attached(item, attachments) for key, item in value.items()}
    if isinstance(value, str) and value.startswith(_ATTACHMENT):
        return text_of(attachments.get(value.removeprefix(_ATTACHMENT))) or value
    return value


def _outcome(sample: dict[str, Any]) -> bool | None:
    """Whether the sample was solved; None if a scorer's value is not an outcome, or if the scorers disagree."""
    scores = dict_of(sample.get("scores")) or {"": sample.get("score")}
    verdicts = {_verdict(name, dict_of(score).get("value")) for name, score in scores.items()}
    return verdicts.pop() if len(verdicts) == 1 else None


def _verdict(scorer: str, value: Any) -> bool | None:
    if isinstance(value, (bool, str)):
        return value if isinstance(value, bool) else _VERDICTS.get(value)
    return first_verdict([value]) if _SWE_BENCH in scorer else None
