"""Held-out check for keepsake: names with spaces, more than nine archives, and a tar that fails."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path


def keepsake(*arguments, **options):
    command = ["bash", "keepsake.sh", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def members(archive):
    listing = subprocess.run(["tar", "-tzf", str(archive)], capture_output=True, text=True, check=True)
    return sorted(filter(None, listing.stdout.split("\n")))


class Keepsake(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.source, self.target = self.root / "my photos", self.root / "back up"
        self.source.mkdir()
        (self.source / "a b.jpg").write_text("a")

    def names(self):
        return sorted(path.name for path in self.target.iterdir())

    def touch(self, *names):
        self.target.mkdir(exist_ok=True)
        for name in names:
            (self.target / name).touch()

    def test_spaces(self):
        for _ in range(4):
            self.assertEqual(keepsake(self.source, self.target).returncode, 0)
        self.assertEqual(self.names(), [f"my photos-{n}.tar.gz" for n in (2, 3, 4)])
        self.assertEqual(members(self.target / "my photos-4.tar.gz"), ["my photos/", "my photos/a b.jpg"])

    def test_trailing_slash(self):
        keepsake(f"{self.source}/", f"{self.target}/")
        self.assertEqual(self.names(), ["my photos-1.tar.gz"])

    def test_more_than_nine(self):
        self.touch(*[f"my photos-{n}.tar.gz" for n in (8, 9, 10)])
        keepsake(self.source, self.target)
        self.assertEqual(self.names(), [f"my photos-{n}.tar.gz" for n in (10, 11, 9)])

    def test_leading_zero(self):
        self.touch("my photos-08.tar.gz")
        self.assertEqual(keepsake(self.source, self.target).returncode, 0)
        self.assertIn("my photos-9.tar.gz", self.names())

    def test_others_are_left_alone(self):
        others = [
            "my photos-2023-1.tar.gz",
            "my photos-old.tar.gz",
            "my photos-1.tar.gz.sig",
            "myXphotos-7.tar.gz",
            "notes.txt",
        ]
        self.touch(*others)
        config = self.root / "k.conf"
        config.write_text("KEEP=1\n")
        for _ in range(2):
            keepsake("-c", config, self.source, self.target)
        self.assertEqual(self.names(), sorted([*others, "my photos-2.tar.gz"]))

    def test_dot_in_the_name_is_a_dot(self):
        source = self.root / "a.b"
        source.mkdir()
        self.touch("aXb-5.tar.gz")
        keepsake(source, self.target)
        self.assertIn("a.b-1.tar.gz", self.names())

    def test_exclude_patterns_are_not_expanded(self):
        for name in ("x.log", "keep.txt", "old stuff"):
            (self.source / name).write_text(name)
        (self.root / "wrong.log").touch()
        config = self.root / "k.conf"
        config.write_text('EXCLUDE=("*.log" "old stuff")\n')
        script = Path("keepsake.sh").resolve()
        subprocess.run(
            ["bash", str(script), "-c", "k.conf", "my photos", "back up"],
            cwd=self.root,
            check=True,
            capture_output=True,
        )
        self.assertEqual(
            members(self.target / "my photos-1.tar.gz"), ["my photos/", "my photos/a b.jpg", "my photos/keep.txt"]
        )

    def test_failing_tar(self):
        self.touch(*[f"my photos-{n}.tar.gz" for n in (1, 2, 3)])
        fake = self.root / "bin"
        fake.mkdir()
        (fake / "tar").write_text('#!/bin/sh\nfor word; do case $word in *.tar.gz*) : > "$word";; esac; done\nexit 2\n')
        (fake / "tar").chmod(0o755)
        done = keepsake(self.source, self.target, env={**os.environ, "PATH": f"{fake}:{os.environ['PATH']}"})
        self.assertEqual(done.returncode, 1)
        self.assertEqual(self.names(), [f"my photos-{n}.tar.gz" for n in (1, 2, 3)])
        self.assertNotIn("wrote", done.stdout)


if __name__ == "__main__":
    unittest.main()
