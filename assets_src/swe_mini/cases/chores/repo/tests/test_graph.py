import unittest
from pathlib import Path

from chores import ChoresError, load, loads, plan, waves

EXAMPLE = Path(__file__).parents[1] / "chores.toml"


def tasks(**needs):
    return loads("".join(f'[tasks.{name}]\ncommand = "true"\nneeds = {list(n)}\n' for name, n in needs.items()))


class PlanTest(unittest.TestCase):
    def test_example_file(self):
        self.assertEqual(plan(load(EXAMPLE)), ["clean", "test", "docs", "release"])

    def test_what_is_needed_comes_first(self):
        self.assertEqual(plan(tasks(a="bc", b="c", c="")), ["c", "b", "a"])

    def test_targets_bring_what_they_need(self):
        self.assertEqual(plan(load(EXAMPLE), ["test"]), ["clean", "test"])

    def test_priority(self):
        text = '[tasks.a]\ncommand = "x"\n[tasks.b]\ncommand = "y"\npriority = 1\n'
        self.assertEqual(plan(loads(text)), ["b", "a"])

    def test_waves(self):
        self.assertEqual(waves(tasks(a="", b="", c="ab", d="a", e="cd")), [["a", "b"], ["c", "d"], ["e"]])


class LoadTest(unittest.TestCase):
    def test_unknown_field(self):
        with self.assertRaisesRegex(ChoresError, "task a: unknown field need"):
            loads('[tasks.a]\ncommand = "x"\nneed = []')


if __name__ == "__main__":
    unittest.main()
