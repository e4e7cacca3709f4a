import unittest
from pathlib import Path

import tinyini

EXAMPLE = Path(__file__).parents[1] / "example.ini"


class ParseTest(unittest.TestCase):
    def test_example_file(self):
        config = tinyini.load(EXAMPLE)
        self.assertEqual(config.get("server", "port", int), 8080)
        self.assertIs(config.get("server", "debug", bool), True)
        self.assertEqual(config.get("paths", "static"), "./static")

    def test_default(self):
        self.assertEqual(tinyini.parse("[a]").get("a", "b", int, default=3), 3)
        with self.assertRaisesRegex(KeyError, "b"):
            tinyini.parse("[a]").get("a", "b")

    def test_errors_name_the_line(self):
        with self.assertRaisesRegex(tinyini.IniError, "x.ini, line 2: neither"):
            tinyini.parse("[a]\nnonsense\n", name="x.ini")

    def test_value_without_section(self):
        with self.assertRaisesRegex(tinyini.IniError, "line 1: a value before"):
            tinyini.parse("a = 1")

    def test_equals_sign_in_value(self):
        self.assertEqual(tinyini.parse("[a]\nquery = x=1").get("a", "query"), "x=1")


class DumpTest(unittest.TestCase):
    def test_round_trip(self):
        config = tinyini.load(EXAMPLE)
        self.assertEqual(tinyini.parse(tinyini.dump(config)), config)


if __name__ == "__main__":
    unittest.main()
