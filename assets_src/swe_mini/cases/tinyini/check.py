"""Held-out check for tinyini: quoting, comments and continuation lines as the README has them, and round trips."""

import random
import unittest

import tinyini


def value_of(text):
    return tinyini.parse("[s]\nk = " + text).get("s", "k")


class Values(unittest.TestCase):
    def test_quoted(self):
        self.assertEqual(value_of('"a value with ; and spaces  "'), "a value with ; and spaces  ")
        self.assertEqual(value_of('"#1"   # the first'), "#1")
        self.assertEqual(value_of(r'"say \"hi\" \\o/"'), r'say "hi" \o/')

    def test_sign_without_space_is_no_comment(self):
        self.assertEqual(value_of("http://x.test/page#top"), "http://x.test/page#top")
        self.assertEqual(value_of("a;b ; c"), "a;b")
        self.assertEqual(value_of("; nothing"), "")

    def test_continuation(self):
        text = "[s]\npaths = /usr/lib,\n    /usr/local/lib     ; more\n\nnext = 1\n"
        config = tinyini.parse(text)
        self.assertEqual(config.get("s", "paths"), "/usr/lib,\n/usr/local/lib")
        self.assertEqual(config.get("s", "next"), "1")

    def test_continuation_with_equals_sign(self):
        self.assertEqual(tinyini.parse("[s]\na = 1\n\tb = 2\n").sections, {"s": {"a": "1\nb = 2"}})

    def test_indented_comment_is_no_continuation(self):
        self.assertEqual(tinyini.parse("[s]\na = 1\n   ; note\nb = 2").sections, {"s": {"a": "1", "b": "2"}})

    def test_errors(self):
        with self.assertRaisesRegex(tinyini.IniError, "line 2"):
            tinyini.parse('[s]\na = "open\n')
        with self.assertRaisesRegex(tinyini.IniError, "line 2"):
            tinyini.parse('[s]\na = "x" y\n')
        with self.assertRaisesRegex(tinyini.IniError, "line 2"):
            tinyini.parse("[s]\n  lost\n")


class RoundTrip(unittest.TestCase):
    def test_random(self):
        rng = random.Random(11)
        for _ in range(2000):
            document = tinyini.Document()
            document.set("s", "first", "".join(rng.choice('ab ;#"\\=é\t') for _ in range(rng.randrange(7))))
            document.set("s", "other", rng.choice(["x", "one\ntwo", " padded ", "[s]", "", "a ; b"]))
            self.assertEqual(tinyini.parse(tinyini.dump(document)), document, document.sections)


if __name__ == "__main__":
    unittest.main()
