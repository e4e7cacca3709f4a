"""Doing the jobs."""

import time


class Worker:
    """Takes jobs and calls their handlers, functions of one argument."""

    def __init__(self, queue, handlers, sleep=time.sleep):
        self.queue = queue
        self.handlers = handlers
        self.sleep = sleep

    def step(self):
        """Do one job that is due. False if there was none."""
        job = self.queue.take()
        if job is None:
            return False
        try:
            self.handlers[job.task](job.payload)
        except Exception as error:
            self.queue.fail(job, error)
        return True

    def run(self):
        """Do jobs until the queue is empty."""
        while self.queue:
            self.step()
