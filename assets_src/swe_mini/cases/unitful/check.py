"""Held-out check for unitful: every way to write µ and Ω, whole units before prefixes, powers of prefixed units."""

import unittest

from unitful import parse, parse_unit

MICRO, MU = "\u00b5", "\u03bc"
OMEGA, OHM = "\u03a9", "\u2126"


class Signs(unittest.TestCase):
    def test_micro(self):
        for sign in MICRO, MU, "u":
            with self.subTest(ascii(sign)):
                self.assertEqual(str(parse(f"10 {sign}F")), f"10 {MICRO}F")
                self.assertEqual(str(parse("3300 nF").to(f"{sign}F")), f"3.3 {MICRO}F")
                self.assertEqual(str(parse(f"7 {sign}m²/{sign}s")), f"7 {MICRO}m²/{MICRO}s")

    def test_ohm(self):
        for sign in OMEGA, OHM, "ohm", "Ohm":
            with self.subTest(ascii(sign)):
                self.assertEqual(str(parse(f"4.7 k{sign}")), f"4.7 k{OMEGA}")
                self.assertEqual(str(parse(f"2 {sign}·m")), f"2 {OMEGA}·m")

    def test_a_letter_u_elsewhere_is_a_letter(self):
        self.assertEqual(str(parse("1 au")), "1 au")
        self.assertEqual(str(parse("1 uau")), f"1 {MICRO}au")

    def test_spelling_of_the_rest_is_kept(self):
        self.assertEqual(str(parse("9.81 m*s^-2")), "9.81 m*s^-2")
        self.assertEqual(str(parse("5 s⁻¹")), "5 s⁻¹")

    def test_equal(self):
        self.assertEqual(parse(f"1 {MU}F"), parse("1 uF"))
        self.assertEqual(parse(f"1 {OHM}"), parse("1 ohm"))


class Meaning(unittest.TestCase):
    def test_whole_unit_first(self):
        self.assertEqual(str(parse("5 min").to("s")), "300 s")
        self.assertEqual(str(parse("90 km/min").to("m/s")), "1500 m/s")

    def test_powers_of_prefixes(self):
        self.assertEqual(str(parse("1 km²").to("m²")), "1000000 m²")
        self.assertEqual(str(parse("1 cm³").to("mm^3")), "1000 mm^3")
        self.assertEqual(str(parse("2 kg/cm³").to("g/mm³")), "2 g/mm³")
        self.assertEqual(str(parse("1 ms⁻¹").to("Hz")), "1000 Hz")
        self.assertEqual(str(parse("1 m³").to("l")), "1000 l")

    def test_error_names_the_unit_as_written(self):
        with self.assertRaisesRegex(ValueError, "unknown unit 'furlong'"):
            parse_unit("furlong")


if __name__ == "__main__":
    unittest.main()
