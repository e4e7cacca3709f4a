import subprocess
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "keepsake.sh"


def keepsake(*arguments, **options):
    command = ["bash", str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def members(archive):
    listing = subprocess.run(["tar", "-tzf", str(archive)], capture_output=True, text=True, check=True)
    return sorted(listing.stdout.split("\n"))[1:]


class KeepsakeTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.source, self.target = self.root / "photos", self.root / "backup"
        (self.source / "cache").mkdir(parents=True)
        (self.source / "a.jpg").write_text("a")
        (self.source / "b.tmp").write_text("b")
        (self.source / "cache" / "c.jpg").write_text("c")

    def archives(self):
        return sorted(path.name for path in self.target.iterdir())

    def test_writes_an_archive_without_what_is_excluded(self):
        done = keepsake(self.source, self.target)
        self.assertEqual((done.returncode, done.stdout), (0, "keepsake: wrote photos-1.tar.gz\n"))
        self.assertEqual(members(self.target / "photos-1.tar.gz"), ["photos/", "photos/a.jpg"])

    def test_keeps_the_newest(self):
        for _ in range(5):
            keepsake(self.source, self.target)
        self.assertEqual(self.archives(), ["photos-3.tar.gz", "photos-4.tar.gz", "photos-5.tar.gz"])

    def test_configuration(self):
        config = self.root / "own.conf"
        config.write_text("KEEP=1\n")
        for _ in range(2):
            keepsake("-c", config, self.source, self.target)
        self.assertEqual(self.archives(), ["photos-2.tar.gz"])
        self.assertIn("photos/b.tmp", members(self.target / "photos-2.tar.gz"))

    def test_no_source(self):
        done = keepsake(self.root / "nothing", self.target)
        self.assertEqual(done.returncode, 1)
        self.assertIn("no such folder", done.stderr)

    def test_wrong_usage(self):
        self.assertEqual(keepsake(self.source).returncode, 2)


if __name__ == "__main__":
    unittest.main()
