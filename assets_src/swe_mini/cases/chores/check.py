"""Held-out check for chores: cycles and unknown names are errors, in good time."""

import random
import time
import unittest

import chores
from chores import ChoresError, Task, plan, waves


def tasks(needs, priority=None):
    return {name: Task(name, "true", tuple(n), (priority or {}).get(name, 0)) for name, n in needs.items()}


class Cycles(unittest.TestCase):
    def assert_cycle(self, needs, members, targets=None):
        with self.assertRaises(chores.CycleError) as caught:
            plan(tasks(needs), targets)
        self.assertIsInstance(caught.exception, ChoresError)
        cycle = caught.exception.cycle
        self.assertEqual((cycle[0], set(cycle), len(cycle)), (cycle[-1], set(members), len(set(cycle)) + 1))
        self.assertTrue(all(b in needs[a] for a, b in zip(cycle, cycle[1:])), cycle)
        self.assertIn(" -> ".join(cycle), str(caught.exception))

    def test_two(self):
        self.assert_cycle({"a": ["b"], "b": ["a"]}, "ab")

    def test_itself(self):
        self.assert_cycle({"a": ["a"]}, "a")

    def test_only_the_members(self):
        self.assert_cycle({"x": ["a"], "a": ["y", "b"], "y": [], "b": ["c"], "c": ["a"], "z": []}, "abc")

    def test_elsewhere_is_no_matter(self):
        needs = {"a": ["b"], "b": ["a"], "c": ["d"], "d": []}
        self.assertEqual(plan(tasks(needs), ["c"]), ["d", "c"])
        self.assert_cycle(needs, "ab", ["c", "a"])

    def test_waves(self):
        with self.assertRaises(chores.CycleError):
            waves(tasks({"a": ["b"], "b": ["a"]}))


class Unknown(unittest.TestCase):
    def test_need(self):
        with self.assertRaisesRegex(chores.UnknownTaskError, "deploy.*biuld.*build"):
            plan(tasks({"build": [], "deploy": ["biuld"]}))

    def test_target(self):
        with self.assertRaisesRegex(chores.UnknownTaskError, "tset"):
            plan(tasks({"test": []}), ["tset"])


class Order(unittest.TestCase):
    def test_long_chain(self):
        names = [f"t{n}" for n in range(6000)]
        needs = {name: names[n + 1 : n + 2] for n, name in enumerate(names)}
        began = time.perf_counter()
        self.assertEqual(plan(tasks(needs)), names[::-1])
        self.assertEqual(len(waves(tasks(needs))), 6000)
        self.assertLess(time.perf_counter() - began, 2.5)
        needs["t5999"] = ["t0"]
        with self.assertRaises(chores.CycleError):
            plan(tasks(needs))

    def test_same_as_before(self):
        rng = random.Random(2)
        for _ in range(300):
            names = [f"n{i}" for i in range(rng.randrange(1, 9))]
            needs = {name: rng.sample(names[:i], rng.randrange(i + 1)) for i, name in enumerate(names)}
            shuffled = rng.sample(names, len(names))
            priority = {name: rng.randrange(3) for name in names}
            found = plan(tasks({name: needs[name] for name in shuffled}, priority))
            waiting, done = sorted(shuffled, key=lambda name: -priority[name]), []
            while waiting:
                done.append(next(name for name in waiting if set(needs[name]) <= set(done)))
                waiting.remove(done[-1])
            self.assertEqual(found, done)


if __name__ == "__main__":
    unittest.main()
