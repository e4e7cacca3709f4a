import tempfile
import unittest
from pathlib import Path

from stashdb import CorruptFile, Stash


class StashTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "a.stash"

    def stored(self):
        with Stash(self.path) as stash:
            return dict(stash)

    def test_values_survive(self):
        with Stash(self.path) as stash:
            stash["café"] = b"au lait"
            stash["empty"] = b""
        self.assertEqual(self.stored(), {"café": b"au lait", "empty": b""})

    def test_last_one_counts(self):
        with Stash(self.path) as stash:
            stash["a"] = b"1"
            stash["b"] = b"2"
            stash["a"] = b"3"
            del stash["b"]
        self.assertEqual(self.stored(), {"a": b"3"})

    def test_compact_makes_it_small(self):
        with Stash(self.path) as stash:
            for n in range(100):
                stash["counter"] = b"%d" % n
            before = self.path.stat().st_size
            stash.compact()
        self.assertLess(self.path.stat().st_size, before / 50)
        self.assertEqual(self.stored(), {"counter": b"99"})

    def test_damage_is_noticed(self):
        with Stash(self.path) as stash:
            stash["a"] = b"1"
            stash["b"] = b"2"
        data = bytearray(self.path.read_bytes())
        data[13] ^= 1
        self.path.write_bytes(data)
        with self.assertRaises(CorruptFile):
            Stash(self.path)


if __name__ == "__main__":
    unittest.main()
