"""Small runs of formats with few or no real files, broken in many ways: read, or refused with a reason."""

import json
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest

from lm_eval_hesnr.trajectories.decoding import Bad
from lm_eval_hesnr.trajectories.load import iterate_results
from lm_eval_hesnr.trajectories.paths import find_inputs
from lm_eval_hesnr.trajectories.readers import reader_of
from lm_eval_hesnr.trajectories.schema import Trajectory

CALL = {"id": "c", "call_id": "c", "name": "bash", "arguments": {"command": "ls # all"}}
NATIVE = {"name": "bash", "arguments": "{}"}
TEXT = {"type": "text", "text": "b"}
BLOCK = "<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE"
EDIT = f"<replace_in_file>\n<path>a</path>\n<diff>\n{BLOCK}\n</diff>\n</replace_in_file>"
SKETCHES: dict[str, Any] = {
    "cline": [
        {"role": "user", "content": [{"type": "text", "text": "<task>a</task>"}, {"type": "text", "text": "x"}]},
        {"role": "assistant", "content": [{"type": "text", "text": f"b\n{EDIT}"}], "modelInfo": {"modelId": "m"}},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "[replace_in_file for 'a'] Result:\nok"},
                {"type": "text", "text": "<environment_details>x</environment_details>"},
                {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "x"}]},
            ],
        },
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"path": "x"}}]},
    ],
    "trae_agent": {
        "task": "a",
        "model": "m",
        "llm_interactions": [{"input_messages": [{"role": "user", "content": "a"}], "response": {}}],
        "agent_steps": [
            {
                "llm_response": {"content": "b", "tool_calls": [CALL]},
                "tool_calls": [CALL],
                "tool_results": [{"call_id": "c", "success": True, "result": "x", "error": "y"}],
                "reflection": "z",
            }
        ],
    },
    "tau_bench": [
        {
            "task_id": 1,
            "reward": 1.0,
            "trial": 0,
            "traj": [
                {"role": "user", "content": "a"},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [{"id": "c", "function": {**CALL, "arguments": "{}"}}],
                },
                {"role": "tool", "content": "x", "tool_call_id": "c"},
            ],
        }
    ],
    "inspect_ai": {
        "version": 2,
        "status": "success",
        "eval": {"task": "t", "model": "m"},
        "samples": [
            {
                "id": 1,
                "epoch": 2,
                "messages": [
                    {"role": "user", "content": "attachment://h"},
                    {
                        "role": "assistant",
                        "content": [{"type": "text", "text": "b"}],
                        "tool_calls": [{**CALL, "function": "f"}],
                    },
                    {
                        "role": "tool",
                        "content": "x",
                        "tool_call_id": "c",
                        "error": {"type": "approval", "message": "y"},
                    },
                ],
                "scores": {"s": {"value": "C"}},
                "attachments": {"h": "a"},
            }
        ],
    },
    "responses": {
        "object": "response",
        "model": "m",
        "input": [{"role": "user", "content": "a"}],
        "output": [
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "r"}]},
            {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "c"},
            {"type": "function_call_output", "call_id": "c", "output": [{"type": "text", "text": "x"}]},
            {"type": "local_shell_call", "action": {"command": ["ls"]}, "call_id": "d"},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "b"}]},
        ],
    },
    "auto_code_rover": [
        {"role": "system", "content": "You are a software developer maintaining a large project."},
        {"role": "user", "content": "<issue>a</issue>"},
        {"role": "assistant", "content": 'search_class("A")'},
        {"role": "user", "content": 'Result of search_class("A"): x'},
        {"role": "assistant", "content": "<file>a</file><original>x</original><patched>y</patched>"},
    ],
    "aider": {"aider_chat": f"\n> Main model: m\n\n#### a  \n\nb\n{EDIT}\n\n> Applied edit to a  \n", "started": "x"},
}
VALUES: list[Any] = [None, True, 0, -1, 1.5, 10**400, "", "x", "\ud800", [], {}, [[]], [None], {"a": {}}]


def places(value, path=()):
    """Every place in a value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))


def broken(value, chance):
    """The value with one to four of its parts dropped, doubled, nested or replaced."""
    value = json.loads(json.dumps(value))
    for _ in range(chance.randrange(1, 5)):
        found = list(places(value))
        if not found:
            break
        *path, key = chance.choice(found)
        holder = value
        for step in path:
            holder = holder[step]
        kind = chance.choice(["drop", "double", "nest", "replace", "replace", "cut"])
        if kind == "drop":
            del holder[key]
        elif kind == "double" and isinstance(holder, list):
            holder.insert(key, holder[key])
        elif kind == "nest":
            holder[key] = [holder[key]]
        elif kind == "cut" and isinstance(holder[key], str):
            holder[key] = holder[key][: chance.randrange(len(holder[key]) + 1)]
        else:
            holder[key] = chance.choice(VALUES)
    return value


def results(path):
    found = [result for _, result in iterate_results(find_inputs(path))]
    assert found
    for result in found:
        if isinstance(result, Trajectory):
            json.dumps(result.to_json())
        elif isinstance(result, Bad):
            assert "does not follow its format" not in result.reason
    return found


@pytest.mark.parametrize("name", SKETCHES)
def test_broken_sketches(tmp_path, name):
    path = tmp_path / "run.json"
    path.write_text(json.dumps(SKETCHES[name]))
    assert all(isinstance(result, Trajectory) for result in results(path))
    for seed in range(250):
        path.write_text(json.dumps(broken(SKETCHES[name], random.Random(seed))))
        results(path)


def test_broken_samples_in_a_zip(tmp_path):
    path = tmp_path / "log.eval"
    log = SKETCHES["inspect_ai"]
    for seed in range(100):
        chance = random.Random(seed)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("header.json", json.dumps(broken({"eval": log["eval"]}, chance)))
            archive.writestr("samples/1.json", json.dumps(broken(log["samples"][0], chance)))
        results(path)


def test_no_reader_reads_the_sketch_of_another():
    for name, value in SKETCHES.items():
        reader: Any = reader_of(value[0] if name == "tau_bench" else value)
        assert Path(reader.__file__).stem == name
