import unittest

from cellwrap import pad, shorten, table, text_width, wrap


class WidthTest(unittest.TestCase):
    def test_latin(self):
        self.assertEqual(text_width("plain"), 5)

    def test_wide(self):
        self.assertEqual(text_width("漢字"), 4)

    def test_combining_accent_takes_no_cell(self):
        self.assertEqual(text_width("cafe\u0301"), 4)


class WrapTest(unittest.TestCase):
    def test_breaks_at_spaces(self):
        self.assertEqual(wrap("the quick brown fox", 10), ["the quick", "brown fox"])

    def test_long_word_is_cut(self):
        self.assertEqual(wrap("abcdefgh", 3), ["abc", "def", "gh"])

    def test_empty_lines_stay(self):
        self.assertEqual(wrap("a\n\nb", 5), ["a", "", "b"])

    def test_short_text_is_not_shortened(self):
        self.assertEqual(shorten("as  it is", 10), "as it is")


class LayoutTest(unittest.TestCase):
    def test_pad(self):
        self.assertEqual(pad("東京", 6), "東京  ")
        self.assertEqual(pad("ab", 5, align="center"), " ab  ")

    def test_table(self):
        self.assertEqual(table([["Ort", "東京"], ["name", "Zoë"]]), ["Ort   東京", "name  Zoë"])


if __name__ == "__main__":
    unittest.main()
