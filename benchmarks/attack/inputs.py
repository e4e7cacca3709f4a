"""Small inputs for attacks: curated runs, and sketches of other formats."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.attack.table import RUNS

SCRIPT = "ls -l # x"


def sample_name() -> str:
    """The name of the first embedded run, for `hesnr sample`."""
    name: str = json.loads(RUNS.read_text(encoding="utf-8").partition("\n")[0])["id"]
    return name


def row(name: str = "a run", **changed: Any) -> dict[str, Any]:
    """One row of a curated file: a task, a thought, an action and its observation."""
    call = {"tool": "bash", "arguments": {"command": SCRIPT}, "executed": True}
    segments = [
        {"kind": "task", "text": "Fix it.", "generated": False},
        {"kind": "thought", "text": "Let me look at the file first.", "generated": True},
        {"kind": "action", "text": SCRIPT, "generated": True, "calls": [call]},
        {"kind": "observation", "text": "total 0\n", "generated": False},
    ]
    head = {"format": "hesnr-trajectory", "version": 1, "id": name, "source": "test", "resolved": True, "model": None}
    return {**head, "segments": segments, "meta": {}, **changed}


def write_rows(path: Path, rows: Iterable[Any]) -> Path:
    """Write one JSON value per line; return the path."""
    with path.open("w", encoding="utf-8") as file:
        for one in rows:
            file.write(json.dumps(one) + "\n")
    return path


def file_run(path: str, content: str, tool: str = "write_file") -> dict[str, Any]:
    """A curated row whose one action writes this content to a file, so that it is labelled in the file's language."""
    call = {"tool": tool, "arguments": {"path": path, "content": content}, "executed": True}
    text = json.dumps(call["arguments"])
    action = {"kind": "action", "text": text, "generated": True, "calls": [call]}
    return row(f"writes {path}", segments=[row()["segments"][0], action])


def files_run(path: str, contents: Sequence[str]) -> dict[str, Any]:
    """A curated row whose one action writes several contents."""
    calls = [{"tool": "write_file", "arguments": {"path": path, "content": one}, "executed": True} for one in contents]
    text = "".join(json.dumps(call["arguments"]) for call in calls)
    action = {"kind": "action", "text": text, "generated": True, "calls": calls}
    return row(f"writes {path}", segments=[row()["segments"][0], action])


def shell_run(command: str) -> dict[str, Any]:
    """A curated row whose one action is this shell command."""
    call = {"tool": "bash", "arguments": {"command": command}, "executed": True}
    action = {"kind": "action", "text": command, "generated": True, "calls": [call]}
    return row("runs a command", segments=[row()["segments"][0], action])


def chat(*turns: tuple[str, str]) -> dict[str, Any]:
    """A chat in the form of the OpenAI API."""
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


BASH = "I look.\n\n```bash\nls -l\n```"
TOOL_CALL = {"id": "1", "type": "function", "function": {"name": "bash", "arguments": '{"command": "ls -l"}'}}
TURNS = (("system", "You are an agent."), ("user", "Fix it."), ("assistant", BASH), ("user", "total 0"))

SKETCHES: dict[str, Any] = {
    "curated.jsonl": [row()],
    "mini.traj.json": {"trajectory_format": "mini-swe-agent-1", "info": {"exit_status": "Submitted"}, **chat(*TURNS)},
    "list.json": chat(*TURNS)["messages"],
    "chat.json": chat(*TURNS),
    "calls.json": {
        "messages": [
            {"role": "user", "content": "Fix it."},
            {"role": "assistant", "content": "I look.", "tool_calls": [TOOL_CALL]},
            {"role": "tool", "tool_call_id": "1", "content": "total 0"},
        ]
    },
    "sharegpt.json": {
        "conversations": [{"from": "human", "value": "Fix it."}, {"from": "gpt", "value": BASH}],
    },
    "swe.traj": {
        "trajectory": [{"action": "ls -l", "observation": "total 0", "response": BASH, "thought": "I look."}],
        "history": chat(*TURNS)["messages"],
        "info": {},
    },
    "session.jsonl": [
        {"type": "user", "sessionId": "s", "uuid": "1", "parentUuid": None,
         "message": {"role": "user", "content": "Fix it."}},
        {"type": "assistant", "sessionId": "s", "uuid": "2", "parentUuid": "1", "message": {
            "role": "assistant", "id": "m", "model": "x", "content": [
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "ls -l"}}]}},
        {"type": "user", "sessionId": "s", "uuid": "3", "parentUuid": "2", "message": {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t", "content": "total 0"}]}},
    ],
}  # fmt: skip
"""A small run in each of some formats, by file name. Lists in `.jsonl` files are lines."""


def write_sketches(folder: Path) -> list[Path]:
    """Write the sketches; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, value in SKETCHES.items():
        path = folder / name
        if name.endswith(".jsonl"):
            write_rows(path, value)
        else:
            path.write_text(json.dumps(value), encoding="utf-8")
        paths.append(path)
    return paths
