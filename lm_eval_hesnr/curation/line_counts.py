"""Counts what each line of the output contains, in this process or in several processes."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lm_eval_hesnr.curation.items import Item, Line
from lm_eval_hesnr.labelling.render import transcript
from lm_eval_hesnr.labels import Label
from lm_eval_hesnr.scoring.load_tokenizer import load_tokenizer, tokenizing
from lm_eval_hesnr.trajectories.decoding import Bad
from lm_eval_hesnr.trajectories.readers import curated
from lm_eval_hesnr.trajectories.schema import Trajectory
from lm_eval_hesnr.trajectories.tools import unknown_names


class LineCounts(NamedTuple):
    """Counts of one line of the output."""

    steps: int
    characters: list[int]
    """Number of characters by label code, including the transcript's headings."""
    n_tokens: int
    """Number of tokens of the transcript; 0 without a tokenizer."""
    unparsed: int
    """Number of actions that are too costly to parse completely."""
    unknown_tools: Counter[str]
    """Calls of tools that the vocabulary does not know, by the tool's name, or by `tool.argument`."""


def with_counts(
    items: Iterator[Item], tokenizer: str | None, workers: int
) -> Iterator[tuple[Item, LineCounts | Bad | None]]:
    """Each item with the counts of its line, in the order of the items; None for an item that is not a line."""
    if workers == 1:
        for item in items:
            yield item, _count(item.content, tokenizer) if isinstance(item.content, Line) else None
        return
    # Processes are spawned: a fork could copy a lock that a thread of a tokenizer or progress bar holds.
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _follow_the_parent)
    try:
        waiting: deque[tuple[Item, Future[LineCounts | Bad] | None]] = deque()
        for item in items:
            line = item.content
            waiting.append((item, pool.submit(_count, line, tokenizer) if isinstance(line, Line) else None))
            if len(waiting) >= 4 * workers:  # bounds the memory
                first, future = waiting.popleft()
                yield first, future.result() if future else None
        for first, future in waiting:
            yield first, future.result() if future else None
    finally:
        pool.shutdown(cancel_futures=True)


def _follow_the_parent() -> None:
    """In a worker: leave Ctrl-C to the parent process, and exit when the parent is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def _exit_with_parent() -> None:
        if parent := multiprocessing.parent_process():
            parent.join()
            os._exit(1)

    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _count(line: Line, tokenizer: str | None) -> LineCounts | Bad:
    """The counts of one line. The line is read again, as later commands will read it; `Bad` if that fails."""
    try:
        trajectory = curated.read(json.loads(line.data), Path())
    except (ValueError, RecursionError) as error:
        return Bad(f"its curated form cannot be read again ({error})")
    rendering = transcript(trajectory)
    with tokenizing(trajectory.id):
        ids = tokenizer_of_option(tokenizer)(rendering.text, verbose=False)["input_ids"] if tokenizer else []
    return LineCounts(
        steps=trajectory.n_steps,
        characters=np.bincount(rendering.labels, minlength=len(Label)).tolist(),
        n_tokens=len(ids),
        unparsed=rendering.n_unparsed,
        unknown_tools=_unknown_tools(trajectory),
    )


def _unknown_tools(trajectory: Trajectory) -> Counter[str]:
    """Number of calls for each unknown tool, and for each unknown argument (`tool.argument`)."""
    actions = (s for s in trajectory.segments if s.kind == "action" and s.generated)
    calls = (call for action in actions for call in action.calls if call.executed is not False)
    return Counter(name for call in calls for name in unknown_names(call.tool, call.arguments))


@lru_cache(maxsize=1)
def tokenizer_of_option(name: str) -> Any:
    """The tokenizer of `--tokenizer`, loaded once in each process; raises InputError if it cannot be loaded."""
    return load_tokenizer(name, "--tokenizer")
