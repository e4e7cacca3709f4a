import unittest

from queuelet import Backoff, Queue, Worker


class Clock:
    """A clock that is moved by hand."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


class QueueTest(unittest.TestCase):
    def setUp(self):
        self.clock = Clock()
        self.queue = Queue(clock=self.clock)

    def test_most_urgent_first(self):
        for priority in 1, 5, 3:
            self.queue.put("job", priority=priority)
        self.assertEqual([self.queue.take().priority for _ in range(3)], [5, 3, 1])
        self.assertIsNone(self.queue.take())

    def test_delay(self):
        job = self.queue.put("job", delay=10)
        self.assertIsNone(self.queue.take())
        self.clock.sleep(10)
        self.assertIs(self.queue.take(), job)

    def test_backoff(self):
        self.assertEqual([Backoff().seconds(n) for n in (1, 2, 3, 4)], [1, 2, 4, 8])

    def test_last_failure_buries_the_job(self):
        def handler(payload):
            raise OSError(f"kein Anschluss für {payload}")

        job = self.queue.put("call", "Zoë", retries=1)
        worker = Worker(self.queue, {"call": handler}, sleep=self.clock.sleep)
        self.assertEqual((worker.step(), worker.step()), (True, False))
        self.clock.sleep(1)
        self.assertTrue(worker.step())
        self.assertEqual((self.queue.dead, job.error, len(self.queue)), ([job], "kein Anschluss für Zoë", 0))


if __name__ == "__main__":
    unittest.main()
