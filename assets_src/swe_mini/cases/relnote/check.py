"""Held-out check for relnote: texts as they stand, the last line, breaking changes, authors, and the next version."""

import subprocess
import tempfile
import unittest
from pathlib import Path


def run(script, *words, cwd=None):
    command = ["bash", str(Path(script).resolve()), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False, cwd=cwd)


class Lists(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)

    def file(self, text):
        path = self.root / "my changes.txt"
        path.write_bytes(text.encode())
        return path

    def notes(self, text):
        done = run("relnote.sh", "1.0.0", self.file(text))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout


class Relnote(Lists):
    def test_texts_as_they_stand(self):
        for name in ("a.txt", "b.txt", "e"):
            (self.root / name).touch()
        texts = [
            "reads *.txt and ? and [a-e]",
            r"C:\new\table, \\ and \n",
            "two  spaces   and\ttab",
            "-n",
            "$HOME `id`",
            "a: b",
        ]
        path = self.file("".join(f"fixed: {text}\n" for text in texts))
        found = run("relnote.sh", "1.0.0", path.name, cwd=self.root).stdout
        self.assertEqual(found, "## 1.0.0\n\n### Fixed\n\n" + "".join(f"- {text}\n" for text in texts))

    def test_last_line_and_windows(self):
        wanted = "## 1.0.0\n\n### Added\n\n- b\n\n### Fixed\n\n- a\n\nThanks to jörg.\n"
        for text in (
            "fixed: a @jörg\nadded: b",
            "fixed: a @jörg\r\nadded: b\r\n",
            "# no\r\n\r\nfixed: a @jörg\r\nadded: b\r",
        ):
            self.assertEqual(self.notes(text), wanted)

    def test_breaking(self):
        found = self.notes("fixed: a\nremoved!: b @x\nadded: c\nchanged!: d\nchanged: e\n")
        wanted = "### Breaking changes\n\n- b\n- d\n\n### Added\n\n- c\n\n### Changed\n\n- e\n\n### Fixed\n\n- a\n\n"
        self.assertEqual(found, f"## 1.0.0\n\n{wanted}Thanks to x.\n")
        self.assertNotIn("Removed", found)

    def test_authors(self):
        for line, text, thanks in [
            ("fixed: mail to team@example.org", "mail to team@example.org", ""),
            ("fixed: the @ key @mira", "the @ key", "mira"),
            ("fixed: @mentions in a text", "@mentions in a text", ""),
            ("fixed: a@b @mira", "a@b", "mira"),
            ("fixed: a  @mira", "a", "mira"),
        ]:
            with self.subTest(line):
                end = f"\nThanks to {thanks}.\n" if thanks else ""
                self.assertEqual(self.notes(line), f"## 1.0.0\n\n### Fixed\n\n- {text}\n{end}")

    def test_thanks(self):
        for names, wanted in [
            ("b a", "a and b"),
            ("c a b a", "a, b and c"),
            ("a a", "a"),
            ("d c b a", "a, b, c and d"),
        ]:
            found = self.notes("".join(f"added: x @{name}\n" for name in names.split()))
            self.assertEqual(found.splitlines()[-1], f"Thanks to {wanted}.")

    def test_no_change(self):
        for line in "improved: x", "fixed", "fixed x", "added fixed: x", "fixed!!: x":
            done = run("relnote.sh", "1.0.0", self.file(f"{line}\r\n"))
            self.assertEqual((done.returncode, done.stdout, done.stderr), (1, "", f"relnote: not a change: {line}\n"))


class Bump(Lists):
    def test_next(self):
        for version, kinds, wanted in [
            ("1.9.9", "fixed", "1.9.10"),
            ("1.9.9", "changed removed", "1.9.10"),
            ("1.9.9", "fixed added", "1.10.0"),
            ("1.9.9", "added fixed!", "2.0.0"),
            ("0.9.9", "added removed!", "0.10.0"),
            ("0.9.9", "fixed", "0.9.10"),
            ("0.0.0", "added", "0.1.0"),
        ]:
            with self.subTest(version=version, kinds=kinds):
                done = run("bump.sh", version, self.file("\n".join(f"{kind}: x" for kind in kinds.split())))
                self.assertEqual((done.returncode, done.stdout, done.stderr), (0, f"{wanted}\n", ""))

    def test_refused(self):
        for version, text, code in [
            ("1.2.3", "# none\n", 1),
            ("1.2.3", "what\n", 1),
            ("1.2", "added: x\n", 2),
            ("v1.2.3", "added: x\n", 2),
        ]:
            done = run("bump.sh", version, self.file(text))
            self.assertEqual((done.returncode, done.stdout), (code, ""), (version, text))
            self.assertTrue(done.stderr)


if __name__ == "__main__":
    unittest.main()
