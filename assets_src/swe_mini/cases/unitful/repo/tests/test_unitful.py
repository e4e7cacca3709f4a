import unittest

from unitful import parse, parse_unit


class ParseTest(unittest.TestCase):
    def test_prefix(self):
        self.assertEqual(str(parse("4.7 kΩ").to("Ω")), "4700 Ω")
        self.assertEqual(str(parse("100nF").to("µF")), "0.1 µF")

    def test_compound(self):
        self.assertEqual(str(parse("36 km/h").to("m/s")), "10 m/s")
        self.assertEqual(parse_unit("kg·m²/s²").dimension, parse_unit("J").dimension)
        self.assertEqual(parse_unit("s⁻¹").dimension, parse_unit("Hz").dimension)

    def test_unit_is_kept_as_written(self):
        self.assertEqual(str(parse("3 m²")), "3 m²")
        self.assertEqual(str(parse("9.81 m*s^-2")), "9.81 m*s^-2")

    def test_longest_names(self):
        self.assertEqual(str(parse("1 au").to("Gm")), "149.5978707 Gm")

    def test_mistakes(self):
        for text, message in [("5 parsec", "unknown unit 'parsec'"), ("five m", "not a quantity"), ("5 m//s", "not a")]:
            with self.subTest(text), self.assertRaisesRegex(ValueError, message):
                parse(text)
        with self.assertRaisesRegex(ValueError, "cannot convert Ω to F"):
            parse("1 Ω").to("F")


if __name__ == "__main__":
    unittest.main()
