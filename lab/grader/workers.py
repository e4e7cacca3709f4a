"""Several children that answer many requests."""

from __future__ import annotations

import selectors
from collections.abc import Iterable, Iterator
from typing import Any

from lab.grader.worker import Reply, Worker


class Workers:
    """A context manager. Children are started when needed, and replaced when they have ended."""

    def __init__(self, n: int, handler: str, seconds: float) -> None:
        """Prepare, without starting a child.

        Args:
            n: number of children.
            handler: MODULE:FUNCTION, see `child`.
            seconds: processor time of one request.
        """
        self.n = n
        self.handler = handler
        self.seconds = seconds
        self.n_started = 0
        """Number of children that were started until now."""
        self.defences: tuple[str, ...] = ()
        """Those of the child that was started last, see `Worker`."""
        self._idle: list[Worker] = []
        self._busy: dict[Worker, int] = {}

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in [*self._idle, *self._busy]:
            worker.close()
        self._idle, self._busy = [], {}

    def replies(self, requests: Iterable[Any]) -> Iterator[tuple[int, Reply]]:
        """Yield the number of each request with its reply, in the order of the replies.

        Raises:
            RuntimeError: a child could not start.
        """
        waiting = enumerate(requests)
        with selectors.DefaultSelector() as selector:
            self._send_more(waiting, selector)
            while self._busy:
                selector.select(1)
                for worker, i in list(self._busy.items()):
                    file = worker.fileno()
                    reply = worker.reply()
                    if reply is not None:
                        selector.unregister(file)
                        self._free(worker)
                        self._send_more(waiting, selector)
                        yield i, reply

    def pids(self) -> list[int]:
        """The process ids of the children that live now."""
        return [worker.pid for worker in [*self._idle, *self._busy]]

    def _send_more(self, waiting: Iterator[tuple[int, Any]], selector: selectors.BaseSelector) -> None:
        while len(self._busy) < self.n:
            i, request = next(waiting, (-1, None))
            if i < 0:
                return
            worker = self._usable() or self._started()
            worker.send(request)
            self._busy[worker] = i
            selector.register(worker.fileno(), selectors.EVENT_READ)

    def _usable(self) -> Worker | None:
        """A child that has nothing to do; None if there is none."""
        while self._idle:
            worker = self._idle.pop()
            if worker.is_usable():
                return worker
            worker.close()
        return None

    def _started(self) -> Worker:
        worker = Worker(self.handler, self.seconds)
        try:
            worker.wait_until_ready()
        except BaseException:
            worker.close()
            raise
        self.n_started += 1
        self.defences = worker.defences
        return worker

    def _free(self, worker: Worker) -> None:
        del self._busy[worker]
        if not worker.ended:
            self._idle.append(worker)
