import unittest

from argtable import Option, UsageError, parse, usage

OPTIONS = [
    Option("verbose", short="v", flag=True, help="say more"),
    Option("jobs", short="j", kind=int, default=1, help="how many at a time"),
    Option("exclude", many=True, help="a pattern to leave out"),
]


class ParseTest(unittest.TestCase):
    def test_defaults(self):
        self.assertEqual(parse(OPTIONS, []), ({"verbose": False, "jobs": 1, "exclude": []}, []))

    def test_values_and_rest(self):
        settings, rest = parse(OPTIONS, ["a", "-v", "--jobs", "4", "b"])
        self.assertEqual((settings["verbose"], settings["jobs"], rest), (True, 4, ["a", "b"]))

    def test_many(self):
        settings, _ = parse(OPTIONS, ["--exclude", "*.o", "--exclude", "out"])
        self.assertEqual(settings["exclude"], ["*.o", "out"])

    def test_mistakes(self):
        for arguments, message in [
            (["--nope"], "unknown option --nope"),
            (["--jobs"], "needs a value"),
            (["-j", "x"], "'x'"),
        ]:
            with self.subTest(arguments), self.assertRaisesRegex(UsageError, message):
                parse(OPTIONS, arguments)


class UsageTest(unittest.TestCase):
    def test_columns(self):
        self.assertEqual(
            usage("copy", OPTIONS).splitlines()[2:],
            [
                "  -v, --verbose      say more",
                "  -j, --jobs INT     how many at a time (default: 1)",
                "      --exclude STR  a pattern to leave out",
            ],
        )


if __name__ == "__main__":
    unittest.main()
