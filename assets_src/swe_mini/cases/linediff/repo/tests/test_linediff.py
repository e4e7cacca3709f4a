import unittest

from linediff import PatchError, apply, parse, reverse

OLD = "one\ntwo\nthree\nfour\nfive\n"
NEW = "one\n2\nthree\nfour\nfive\nsix\n"
DIFF = """\
--- a/numbers.txt
+++ b/numbers.txt
@@ -1,3 +1,3 @@
 one
-two
+2
 three
@@ -4,2 +4,3 @@ three
 four
 five
+six
"""


class ApplyTest(unittest.TestCase):
    def test_two_hunks(self):
        self.assertEqual(apply(OLD, DIFF), NEW)

    def test_reverse(self):
        self.assertEqual(apply(NEW, reverse(DIFF)), OLD)

    def test_does_not_fit(self):
        with self.assertRaisesRegex(PatchError, "line 3 of the diff: does not fit the text at line 1"):
            apply("uno\ndos\ntres\n", DIFF)

    def test_empty_context_line_may_have_lost_its_space(self):
        self.assertEqual(apply("a\n\nb\n", "@@ -1,3 +1,3 @@\n a\n\n-b\n+c\n"), "a\n\nc\n")


class ParseTest(unittest.TestCase):
    def test_hunks(self):
        self.assertEqual(
            [(hunk.line_no, hunk.old_start, hunk.new_start) for hunk in parse(DIFF)], [(3, 1, 1), (8, 4, 4)]
        )

    def test_too_short(self):
        with self.assertRaisesRegex(PatchError, "line 1 of the diff: the hunk is shorter"):
            parse("@@ -1,3 +1,3 @@\n one\n")


if __name__ == "__main__":
    unittest.main()
