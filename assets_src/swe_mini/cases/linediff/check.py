"""Held-out check for linediff: counts left out, moved hunks, and texts that do not end in a line break."""

import difflib
import random
import unittest

from linediff import PatchError, apply, reverse

NO_END = "\\ No newline at end of file\n"


def make(old, new, context=2):
    lines = []
    for line in difflib.unified_diff(old.splitlines(True), new.splitlines(True), "a", "b", n=context):
        lines.append(line if line.endswith("\n") else line + "\n" + NO_END)
    return "".join(lines)


class Headers(unittest.TestCase):
    def test_count_left_out(self):
        self.assertEqual(apply("a\nb\nc\n", "@@ -2 +2 @@\n-b\n+B\n"), "a\nB\nc\n")
        self.assertEqual(apply("a\nb\n", "@@ -1 +1,2 @@\n a\n+x\n"), "a\nx\nb\n")

    def test_empty_side(self):
        self.assertEqual(apply("", "@@ -0,0 +1,2 @@\n+a\n+b\n"), "a\nb\n")
        self.assertEqual(apply("a\n", "@@ -1 +0,0 @@\n-a\n"), "")
        self.assertEqual(apply("a\nb\n", "@@ -1,0 +2 @@\n+x\n"), "a\nx\nb\n")


class Moved(unittest.TestCase):
    def test_nearest_place(self):
        diff = "@@ -2,2 +2,2 @@\n x\n-y\n+z\n"
        self.assertEqual(apply("0\n0\n0\nx\ny\n", diff), "0\n0\n0\nx\nz\n")
        with self.assertRaises(PatchError):
            apply("x\nq\n", diff)


class NoNewline(unittest.TestCase):
    def test_examples(self):
        self.assertEqual(apply("a\nb", f"@@ -1,2 +1,2 @@\n a\n-b\n{NO_END}+c\n"), "a\nc\n")
        self.assertEqual(apply("a\nb\n", f"@@ -1,2 +1,2 @@\n a\n-b\n+c\n{NO_END}"), "a\nc")
        self.assertEqual(apply("a\nb\nc", "@@ -1 +1 @@\n-a\n+A\n"), "A\nb\nc")

    def test_random(self):
        rng = random.Random(9)
        for _ in range(500):
            old, new = (
                "\n".join(rng.choice("abc") for _ in range(rng.randrange(1, 9))) + rng.choice(["", "\n"]) for _ in "12"
            )
            diff = make(old, new)
            self.assertEqual(apply(old, diff), new, diff)
            if diff:
                self.assertEqual(apply(new, reverse(diff)), old, diff)


if __name__ == "__main__":
    unittest.main()
