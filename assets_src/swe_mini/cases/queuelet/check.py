"""Held-out check for queuelet: order, jobs that wait, limits of the waiting time, and a worker that sleeps."""

import random
import unittest

from queuelet import Backoff, Queue, Worker


class Clock:
    def __init__(self):
        self.now = 0.0
        self.sleeps = []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        if len(self.sleeps) > 1000 or seconds <= 0:
            raise AssertionError(f"sleep({seconds}) after {len(self.sleeps)} sleeps")
        self.sleeps.append(seconds)
        self.now += seconds


class Case(unittest.TestCase):
    def setUp(self):
        self.clock = Clock()
        self.queue = Queue(clock=self.clock)

    def taken(self):
        return [job.payload for job in iter(self.queue.take, None)]


class Order(Case):
    def test_same_priority(self):
        for number in range(20):
            self.queue.put("job", number)
        self.assertEqual(self.taken(), list(range(20)))

    def test_waiting_job_blocks_nobody(self):
        self.queue.put("job", "late", priority=9, delay=100)
        self.queue.put("job", "now", priority=1)
        self.assertEqual(self.taken(), ["now"])
        self.clock.now = 100
        self.queue.put("job", "low", priority=1)
        self.assertEqual(self.taken(), ["late", "low"])

    def test_back_from_a_retry(self):
        self.queue.put("job", "a")
        self.queue.put("job", "b")
        self.queue.fail(self.queue.take(), "broken")  # a, due at 1
        self.clock.now = 2
        self.queue.put("job", "c")
        self.assertEqual(self.taken(), ["b", "a", "c"])

    def test_delays(self):
        for payload, delay in ("late", 9), ("early", 3), ("early too", 3), ("middle", 5):
            self.queue.put("job", payload, delay=delay)
        self.clock.now = 20
        self.assertEqual(self.taken(), ["early", "early too", "middle", "late"])

    def test_random(self):
        rng = random.Random(3)
        model, number = [], 0
        for _ in range(3000):
            self.clock.now += rng.choice([0, 0, 1])
            if rng.random() < 0.6:
                priority, delay = rng.randrange(3), rng.choice([0, 0, 2, 7])
                self.queue.put("job", number, priority=priority, delay=delay)
                model.append((-priority, self.clock.now + delay, number))
                number += 1
            else:
                due = sorted(entry for entry in model if entry[1] <= self.clock.now)
                job = self.queue.take()
                self.assertEqual(job and job.payload, due[0][2] if due else None)
                if due:
                    model.remove(due[0])
            self.assertEqual(len(self.queue), len(model))


class Waiting(Case):
    def test_limit(self):
        backoff = Backoff()
        self.assertEqual([backoff.seconds(n) for n in (1, 9, 10, 11, 5000)], [1, 256, 300, 300, 300])
        self.assertEqual([Backoff(limit=5).seconds(n) for n in (3, 4)], [4, 5])
        self.assertEqual(Backoff(first=3, factor=1).seconds(9999), 3)

    def test_wait(self):
        self.assertIsNone(self.queue.wait())
        self.queue.put("job", priority=1, delay=8)
        self.queue.put("job", priority=7, delay=20)
        self.assertEqual(self.queue.wait(), 8)
        self.clock.now = 9
        self.assertEqual(self.queue.wait(), 0)
        self.queue.take()
        self.assertEqual(self.queue.wait(), 11)


class Working(Case):
    def test_run_sleeps(self):
        done = []

        def handler(payload):
            done.append((self.clock.now, payload))
            if payload == "bad":
                raise ValueError("né")

        self.queue.put("job", "bad", retries=2)
        self.queue.put("job", "good", delay=2)
        Worker(self.queue, {"job": handler}, sleep=self.clock.sleep).run()
        self.assertEqual(done, [(0, "bad"), (1, "bad"), (2, "good"), (3, "bad")])
        self.assertEqual(self.clock.sleeps, [1, 1, 1])
        self.assertEqual([job.error for job in self.queue.dead], ["né"])


if __name__ == "__main__":
    unittest.main()
