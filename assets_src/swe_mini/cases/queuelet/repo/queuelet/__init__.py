"""Jobs with priorities, delays and retries."""

from queuelet.backoff import Backoff
from queuelet.job import Job
from queuelet.queue import Queue
from queuelet.worker import Worker

__all__ = ["Backoff", "Job", "Queue", "Worker"]
