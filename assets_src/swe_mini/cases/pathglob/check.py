"""Held-out check for pathglob: wildcards stay inside a name, `**`, and nothing comes back out of an ignored folder."""

import unittest

from pathglob import Ignore

CASES = {
    "doc/*.txt": (["doc/a.txt", "doc/.txt"], ["doc/old/a.txt", "x/doc/a.txt"]),
    "/a?c": (["abc", "a-c", "abc/d"], ["a/c", "x/abc"]),
    "/lib[!x]so": (["lib-so", "libäso"], ["lib/so", "libxso"]),
    "/v[.-0]1": (["v.1", "v01"], ["v/1", "v-1"]),
    "**/cache": (["cache", "a/cache", "a/b/cache", "a/cache/x"], ["cachex", "a/xcache"]),
    "a/**": (["a/b", "a/b/c", "a/b/"], ["a", "a/", "x/a/b"]),
    "a/**/b": (["a/b", "a/x/b", "a/x/y/b", "a/b/c"], ["a/xb", "ab", "x/a/b", "a/x"]),
    "**/a/*/b": (["a/x/b", "z/a/x/b"], ["a/b", "a/x/y/b"]),
    "/a**b": (["ab", "axxb"], ["a/b", "ax/xb"]),
    "**": (["a", "a/b"], []),
    "/x/**/": (["x/y/", "x/y/z"], ["x", "x/", "x/y"]),
    "\\*\\*/x": (["**/x"], ["a/x", "x"]),
    "*.log": (["a.log", "x/y/a.log", ".log"], ["a.log.gz"]),
    "/*": (["a", "a/b"], []),
    "build/\n!build/keep.txt": (["build/", "build/keep.txt", "x/build/a"], ["build"]),
    "build/*\n!build/keep.txt": (["build/a", "build/a/keep.txt"], ["build/keep.txt", "build/"]),
    "*\n!src/\n!*.py": (["src/a.txt", "lib/a.py", "lib/"], ["src/", "src/a.py", "a.py"]),
    "a/\n!a/\nb": (["b", "a/b"], ["a/", "a/c"]),
    "/foo/*\n!/foo/bar/\n/foo/bar/*\n!/foo/bar/baz": (["foo/x", "foo/bar/x"], ["foo/bar/baz", "foo/bar/baz/y"]),
}


class Paths(unittest.TestCase):
    def test_cases(self):
        for text, (ignored, kept) in CASES.items():
            ignore = Ignore.parse(text)
            for path in ignored:
                self.assertTrue(ignore.ignores(path), f"{text!r} must ignore {path}")
            for path in kept:
                self.assertFalse(ignore.ignores(path), f"{text!r} must not ignore {path}")

    def test_verdict(self):
        ignore = Ignore.parse("build/\n!build/keep.txt\n*.log")
        self.assertEqual(ignore.verdict("build/keep.txt").line, "build/")
        self.assertEqual(ignore.verdict("build/a.log").line, "build/")
        self.assertIsNone(ignore.verdict("README"))


if __name__ == "__main__":
    unittest.main()
