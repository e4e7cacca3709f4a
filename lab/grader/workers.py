"""Several children that answer many requests."""

from __future__ import annotations

import selectors
from collections.abc import Generator, Iterable, Iterator
from typing import Any

from lab.grader.worker import LONGEST_REPLY, Reply, Worker


class Workers:
    """A context manager. Children are started when needed, and replaced when they have ended."""

    def __init__(self, n: int, handler: str, seconds: float, longest_reply: int = LONGEST_REPLY) -> None:
        """Prepare, without starting a child.

        Args:
            n: number of children.
            handler: MODULE:FUNCTION, see `child`.
            seconds: processor time of one request.
            longest_reply: bytes. A child that writes more is ended.
        """
        self.n = n
        self.handler = handler
        self.seconds = seconds
        self.longest_reply = longest_reply
        self.n_started = 0
        """Number of children that were started until now."""
        self.defences: tuple[str, ...] = ()
        """Those of the child that was started last, see `Worker`."""
        self._idle: list[Worker] = []
        self._busy: dict[Worker, tuple[int, Any]] = {}
        """The number and the request that each busy child has."""

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self._close_busy()
        for worker in self._idle:
            worker.close()
        self._idle = []

    def replies(self, requests: Iterable[Any]) -> Generator[tuple[int, Reply]]:
        """Yield the number of each request with its reply, in the order of the replies.

        A request that failed in a child that had answered others is sent again, to a new child: the reply does not
        depend on the other requests. Children that are busy when this generator is closed, or raises, are ended.

        Raises:
            RuntimeError: a child could not start.
        """
        waiting = enumerate(requests)
        try:
            with selectors.DefaultSelector() as selector:
                self._send_more(waiting, selector)
                while self._busy:
                    selector.select(1)
                    for worker, (i, request) in list(self._busy.items()):
                        file = worker.fileno()
                        reply = worker.reply()
                        if reply is None:
                            continue
                        selector.unregister(file)
                        self._free(worker)
                        if reply.failed and worker.n_sent > 1:
                            self._send(self._started(), i, request, selector)
                            continue
                        self._send_more(waiting, selector)
                        yield i, reply
        finally:
            self._close_busy()

    def pids(self) -> list[int]:
        """The process ids of the children that live now."""
        return [worker.pid for worker in [*self._idle, *self._busy]]

    def _send_more(self, waiting: Iterator[tuple[int, Any]], selector: selectors.BaseSelector) -> None:
        while len(self._busy) < self.n:
            i, request = next(waiting, (-1, None))
            if i < 0:
                return
            self._send(self._usable() or self._started(), i, request, selector)

    def _send(self, worker: Worker, i: int, request: Any, selector: selectors.BaseSelector) -> None:
        self._busy[worker] = (i, request)
        worker.send(request)
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
        worker = Worker(self.handler, self.seconds, self.longest_reply)
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

    def _close_busy(self) -> None:
        for worker in self._busy:
            worker.close()
        self._busy = {}
