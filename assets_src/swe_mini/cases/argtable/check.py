"""Held-out check for argtable: the ways in which people write options."""

import unittest

from argtable import Option, UsageError, parse, usage

OPTIONS = [
    Option("verbose", short="v", flag=True),
    Option("color", flag=True, default=True, help="paint the output"),
    Option("dry-run", short="n", flag=True),
    Option("jobs", short="j", kind=int, default=1),
    Option("exclude", short="x", many=True),
]


def settings(*arguments):
    return parse(OPTIONS, arguments)[0]


class Forms(unittest.TestCase):
    def test_equals(self):
        self.assertEqual(settings("--jobs=4")["jobs"], 4)
        self.assertEqual(settings("--exclude=a=b", "--exclude=")["exclude"], ["a=b", ""])

    def test_flag_takes_no_value(self):
        with self.assertRaisesRegex(UsageError, "--verbose takes no value"):
            settings("--verbose=yes")

    def test_negation(self):
        self.assertIs(settings("--no-color")["color"], False)
        self.assertIs(settings("--no-color", "--color")["color"], True)
        self.assertIs(settings("-n", "--no-dry-run")["dry_run"], False)
        with self.assertRaisesRegex(UsageError, "unknown option --no-jobs"):
            settings("--no-jobs")

    def test_bundles(self):
        found = settings("-vn")
        self.assertEqual((found["verbose"], found["dry_run"]), (True, True))
        self.assertEqual(settings("-vj4")["jobs"], 4)
        self.assertEqual(settings("-nj", "4")["jobs"], 4)
        self.assertEqual(settings("-x*.o", "-xv")["exclude"], ["*.o", "v"])
        with self.assertRaisesRegex(UsageError, "unknown option -q"):
            settings("-vq")

    def test_terminator_and_dash(self):
        self.assertEqual(parse(OPTIONS, ["-", "-v", "--", "-n", "--", "x"])[1], ["-", "-n", "--", "x"])
        self.assertEqual(settings("--exclude", "--", "-v")["exclude"], ["--"])

    def test_negative_number(self):
        self.assertEqual(settings("--jobs", "-1")["jobs"], -1)

    def test_suggestion(self):
        with self.assertRaisesRegex(UsageError, r"unknown option --verbsoe \(did you mean --verbose\?\)"):
            settings("--verbsoe")

    def test_defaults_are_not_shared(self):
        row = [Option("exclude", many=True, default=["a"])]
        parse(row, ["--exclude", "b"])
        self.assertEqual(parse(row, [])[0], {"exclude": ["a"]})

    def test_usage_names_the_negation(self):
        self.assertIn("--[no-]color", usage("p", OPTIONS))
        self.assertNotIn("--[no-]verbose", usage("p", OPTIONS))


if __name__ == "__main__":
    unittest.main()
