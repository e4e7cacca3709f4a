"""Held-out check for cellwrap: no line is ever wider than asked."""

import random
import unittest

from cellwrap import char_width, pad, shorten, text_width, wrap

ACCENT = "\u0301"
ZWJ = "\u200d"


class Widths(unittest.TestCase):
    def test_fullwidth_forms(self):
        self.assertEqual(text_width("ＡＢＣ！"), 8)

    def test_no_width(self):
        for char in (ACCENT, ZWJ, "\u200b", "\ufe0f", "\u0e31", "\u20dd"):
            self.assertEqual(char_width(char), 0, f"U+{ord(char):04X}")

    def test_halfwidth_katakana(self):
        self.assertEqual(text_width("ｱｲｳ"), 3)


class Wrapping(unittest.TestCase):
    def test_long_wide_word(self):
        self.assertEqual(wrap("漢字とかな交じり", 8), ["漢字とか", "な交じり"])

    def test_odd_width(self):
        self.assertEqual(wrap("漢字とかな", 5), ["漢字", "とか", "な"])

    def test_accents_stay_on_their_letter(self):
        word = ("e" + ACCENT) * 6
        self.assertEqual(wrap(word, 3), [word[:6], word[6:]])
        self.assertEqual(wrap("a" * 3 + ACCENT + "b", 3), ["aaa" + ACCENT, "b"])

    def test_shorten_fits(self):
        self.assertEqual(shorten("abcdefgh", 5), "abcd…")
        self.assertEqual(shorten("漢字とかな", 6), "漢字…")
        self.assertEqual(shorten("abc de fgh", 5), "abc…")

    def test_random(self):
        rng = random.Random(3)
        alphabet = "ab 漢字かＡｱ\u0301\u0302 "
        for _ in range(500):
            text = "".join(rng.choice(alphabet) for _ in range(rng.randrange(40)))
            width = rng.randrange(2, 12)
            lines = wrap(text, width)
            self.assertTrue(all(text_width(line) <= width for line in lines), (text, width, lines))
            self.assertEqual("".join(lines).replace(" ", ""), text.replace(" ", ""))
            self.assertLessEqual(text_width(shorten(text, width)), width)

    def test_pad_fullwidth(self):
        self.assertEqual(pad("Ａ", 4, align="right"), "  Ａ")


if __name__ == "__main__":
    unittest.main()
