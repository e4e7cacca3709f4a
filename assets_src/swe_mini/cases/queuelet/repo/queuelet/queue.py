"""The jobs that wait."""

import heapq
import time

from queuelet.backoff import Backoff
from queuelet.job import Job


class Queue:
    """Jobs, the most urgent first. `clock` is a function that returns seconds."""

    def __init__(self, backoff=None, clock=time.monotonic):
        self.backoff = backoff or Backoff()
        self.clock = clock
        self.dead = []
        self._heap = []

    def __len__(self):
        return len(self._heap)

    def put(self, task, payload=None, *, priority=0, delay=0, retries=3):
        """Add a job and return it. It is due after `delay` seconds."""
        job = Job(task, payload, priority, self.clock() + delay, retries)
        self._push(job)
        return job

    def take(self):
        """The most urgent job that is due, which leaves the queue; None if no job is due."""
        if self._heap and self._heap[0][1].due <= self.clock():
            return heapq.heappop(self._heap)[1]
        return None

    def fail(self, job, error):
        """Put a job back that failed, or bury it if it was its last try."""
        job.failures += 1
        job.error = str(error)
        if job.failures > job.retries:
            self.dead.append(job)
            return
        job.due = self.clock() + self.backoff.seconds(job.failures)
        self._push(job)

    def _push(self, job):
        heapq.heappush(self._heap, (-job.priority, job))
