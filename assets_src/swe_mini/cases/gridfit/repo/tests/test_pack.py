import unittest

from gridfit import Rect, pack


class PackTest(unittest.TestCase):
    def test_side_by_side(self):
        layout = pack({"a": (10, 4), "b": (10, 4)}, width=20, height=4)
        self.assertEqual(layout.placed, {"a": Rect(0, 0, 10, 4), "b": Rect(10, 0, 10, 4)})

    def test_tall_boxes_first(self):
        layout = pack({"low": (5, 2), "tall": (5, 6)}, width=10, height=6)
        self.assertEqual(list(layout.placed), ["tall", "low"])

    def test_no_room(self):
        layout = pack({"a": (10, 4), "b": (11, 4)}, width=20, height=4)
        self.assertEqual(layout.left_over, ["a"])

    def test_gap(self):
        layout = pack({"a": (9, 3), "b": (9, 3)}, width=20, height=4, gap=1)
        self.assertEqual([rect.x for rect in layout.placed.values()], [0, 10])


class DrawTest(unittest.TestCase):
    def test_frame(self):
        self.assertEqual(
            pack({"tür": (9, 3)}, width=10, height=3).draw(),
            "┌─ tür ─┐ \n│       │ \n└───────┘ ",
        )


if __name__ == "__main__":
    unittest.main()
