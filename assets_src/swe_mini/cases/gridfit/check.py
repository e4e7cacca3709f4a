"""Held-out check for gridfit: no overlap, gaps only between boxes, and names of any width in their frames."""

import itertools
import random
import time
import unicodedata
import unittest

from gridfit import Rect, pack


def columns(line):
    """The width of a line in a terminal."""
    widths = {"W": 2, "F": 2}
    return sum(0 if unicodedata.combining(c) else widths.get(unicodedata.east_asian_width(c), 1) for c in line)


class Packing(unittest.TestCase):
    def test_no_overlap_and_gap(self):
        rng = random.Random(3)
        for trial in range(150):
            gap = trial % 3
            boxes = {f"b{n}": (rng.randint(3, 30), rng.randint(3, 12)) for n in range(rng.randint(2, 25))}
            layout = pack(boxes, 80, 40, gap=gap)
            self.assertEqual(sorted([*layout.placed, *layout.left_over]), sorted(boxes))
            for name, rect in layout.placed.items():
                self.assertEqual((rect.width, rect.height), boxes[name])
                self.assertTrue(Rect(0, 0, 80, 40).encloses(rect), (trial, name, rect))
            for a, b in itertools.combinations(layout.placed.values(), 2):
                grown = Rect(a.x - gap, a.y - gap, a.width + 2 * gap, a.height + 2 * gap)
                self.assertFalse(grown.overlaps(b), (trial, gap, a, b))

    def test_tiles_fill_the_window(self):
        for gap in 0, 1, 2:
            boxes = {f"t{n:02}": (10, 5) for n in range(32)}
            layout = pack(boxes, 8 * 10 + 7 * gap, 4 * 5 + 3 * gap, gap=gap)
            self.assertEqual(layout.left_over, [], f"gap {gap}")

    def test_gap_does_not_count_at_the_border(self):
        self.assertEqual(pack({"all": (80, 24)}, 80, 24, gap=1).placed, {"all": Rect(0, 0, 80, 24)})

    def test_fast_enough(self):
        rng = random.Random(5)
        boxes = {f"b{n}": (rng.randint(3, 9), rng.randint(3, 6)) for n in range(200)}
        began = time.perf_counter()
        pack(boxes, 120, 80)
        self.assertLess(time.perf_counter() - began, 3)


class Names(unittest.TestCase):
    def frame(self, name, width):
        lines = pack({name: (width, 3)}, width + 2, 3).draw().split("\n")
        self.assertEqual([columns(line) for line in lines], [width + 2] * 3, lines)
        return lines[0].rstrip(" ")

    def test_wide(self):
        self.assertEqual(self.frame("日本", 12), "┌─ 日本 ───┐")
        self.assertEqual(self.frame("Ｌog", 12), "┌─ Ｌog ───┐")

    def test_combining(self):
        self.assertEqual(self.frame("u\u0308ber", 12), "┌─ u\u0308ber ───┐")

    def test_too_long(self):
        self.assertEqual(self.frame("warnings", 13), "┌─ warnings ┐")
        self.assertEqual(self.frame("warnings", 10), "┌─ warn… ┐")
        self.assertEqual(self.frame("日本語版", 10), "┌─ 日本… ┐")
        self.assertEqual(self.frame("日本語版", 9), "┌─ 日… ─┐")
        self.assertEqual(self.frame("cpu", 6), "┌─ … ┐")

    def test_no_room_for_a_name(self):
        self.assertEqual(self.frame("cpu", 5), "┌───┐")
        self.assertEqual(self.frame("cpu", 2), "┌┐")

    def test_a_name_does_not_leave_its_box(self):
        layout = pack({"cpu": (12, 3), "日本語": (6, 3)}, 18, 3)
        self.assertEqual(layout.draw().split("\n")[0], "┌─ cpu ────┐┌─ … ┐")


if __name__ == "__main__":
    unittest.main()
