"""Attacks of a server on `completions-topk`, through the harness's `simple_evaluate`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.attack import inputs
from benchmarks.attack.cases import ask_all
from benchmarks.attack.hostile_server import HOSTILE, MODELS, RAW, SPOILS, STATUSES, STREAMS, HostileServer
from benchmarks.attack.limits import Limits
from benchmarks.attack.table import MODEL, TASKS, Room, attack
from benchmarks.attack.verdict import acting_characters

LIMITS = Limits(seconds=90, megabytes=2500)
"""The server's own bodies take part of this memory, because it works in the same process."""
TIMEOUT_SECONDS, ATTEMPTS = 3, 2
SMALL = ("rank nan", "rank 4294967297", "rank True", "logprob '7e3'", "logprob False", "logprob 5.0",
         "an error with escapes", "deep JSON", "a model list with escapes")  # fmt: skip
MAY_PASS = ("root with escapes", "a root that is a list", "logprob -inf")
"""These can be scored: nothing that the numbers need is impossible."""


@cache
def _server() -> HostileServer:
    return HostileServer()


def case(value: dict[str, Any]) -> dict[str, Any]:
    """Score a run with the hostile server; return the measures. This runs in the worker."""
    from lm_eval_hesnr import plugin

    plugin.install()
    import lm_eval
    from lm_eval.tasks import TaskManager

    logging.getLogger("lm_eval").setLevel(logging.INFO)
    server = _server()
    server.what = value["what"]
    manager = TaskManager(include_path=str(TASKS), include_defaults=False, metadata={"trajectories": value["path"]})
    found = lm_eval.simple_evaluate(
        model="completions-topk",
        model_args={
            "base_url": f"http://127.0.0.1:{server.server_address[1]}/v1/completions", "model": "m",
            "tokenizer": str(MODEL), "server": "vllm", "max_retries": ATTEMPTS, "retry_wait": 0.01,
            "timeout": TIMEOUT_SECONDS,
        },
        tasks=["swe_hesnr"], task_manager=manager, metadata={"trajectories": value["path"]}, bootstrap_iters=0,
    )  # fmt: skip
    measures: dict[str, Any] = found["results"]["swe_hesnr"]
    return {name: value for name, value in measures.items() if isinstance(value, float)}


def _cases(names: tuple[str, ...], path: Path) -> Iterator[tuple[str, Any]]:
    for what in names:
        yield what, {"what": what, "path": str(path)}


def _ask(room: Room, names: tuple[str, ...]) -> None:
    """Score one run with each hostile answer. Every one ends with one line, or is harmless."""
    text = "Let me look at the file first. Then I run the tests again.\n" * 20
    segments = [*inputs.row()["segments"], {"kind": "thought", "text": text, "generated": True}]
    path = inputs.write_rows(room.folder / "in.jsonl", [inputs.row(segments=segments)])
    for what, answer in ask_all(room, "servers", _cases(("good", *names), path), LIMITS, may_move_up=True):
        stopped = (answer.result or {}).get("stopped")
        if what == "good":
            room.expect(stopped is None and "he_snr,all" in (answer.result or {}), f"good answers: {stopped}")
        elif stopped is None and answer.result is not None and what not in MAY_PASS:
            room.fault(f"{what}: accepted, he_snr {answer.result.get('he_snr,all')}")
        elif stopped is not None:
            acting = acting_characters(stopped)
            room.expect(not acting, f"{what}: the message acts on the terminal: {sorted(acting)!r}")
            room.expect(len(stopped) < 3000, f"{what}: a message of {len(stopped)} characters")


def _of(names: tuple[str, ...]) -> Callable[[Room], None]:
    return lambda room: _ask(room, names)


for _name, _names in (
    ("impossible values in answers", tuple(SPOILS)),
    ("bodies that are no answers", tuple(RAW)),
    ("statuses, redirections and headers", tuple(STATUSES)),
    ("HTTP that is wrong or without end", STREAMS),
    ("lists of models", tuple(MODELS)),
):
    attack("servers", name=_name, seconds=2400)(_of(_names))


@attack("servers", small=True, name="a selection of hostile answers")
def _selection(room: Room) -> None:
    """What CI tries."""
    _ask(room, tuple(what for what in HOSTILE if what in SMALL))
