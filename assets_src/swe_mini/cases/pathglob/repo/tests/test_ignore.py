import unittest

from pathglob import Ignore, parse_pattern


def ignored(text, *paths):
    ignore = Ignore.parse(text)
    return [path for path in paths if ignore.ignores(path)]


class IgnoreTest(unittest.TestCase):
    def test_name_at_every_depth(self):
        self.assertEqual(ignored("*.log", "a.log", "x/y/b.log", "a.log.txt"), ["a.log", "x/y/b.log"])

    def test_slash_ties_to_the_root(self):
        self.assertEqual(ignored("/build", "build", "x/build"), ["build"])
        self.assertEqual(ignored("doc/größe.txt", "doc/größe.txt", "x/doc/größe.txt"), ["doc/größe.txt"])

    def test_folder(self):
        self.assertEqual(ignored("out/", "out/", "out", "out/a", "x/out/a/b"), ["out/", "out/a", "x/out/a/b"])

    def test_last_match_decides(self):
        self.assertEqual(ignored("*.log\n!keep.log", "a.log", "keep.log"), ["a.log"])

    def test_character_sets(self):
        self.assertEqual(ignored("*.[oa]", "x.o", "x.a", "x.c"), ["x.o", "x.a"])
        self.assertEqual(ignored("[!a-c]", "a", "d"), ["d"])

    def test_escapes_and_comments(self):
        self.assertEqual(ignored("# note\n\n\\#a\n\\!b", "# note", "#a", "!b"), ["#a", "!b"])
        self.assertIsNone(parse_pattern("  "))

    def test_verdict_names_the_line(self):
        self.assertEqual(Ignore.parse("*.log\n/x").verdict("x/y").line, "/x")


if __name__ == "__main__":
    unittest.main()
