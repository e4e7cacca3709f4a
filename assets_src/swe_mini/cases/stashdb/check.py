"""Held-out check for stashdb: torn ends are dropped, damage before the end never, and compaction forgets nothing."""

import tempfile
import unittest
from pathlib import Path

from stashdb import CorruptFile, Stash

KEPT = {"größe": b"42", "b": b"", "state": b"\0" * 40}


class Base(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "a.stash"
        self.whole = self.write(KEPT)

    def write(self, values):
        with Stash(self.path) as stash:
            stash.update(values)
        return self.path.read_bytes()

    def stored(self):
        with Stash(self.path) as stash:
            return dict(stash)

    def recovers(self, data, dropped):
        self.path.write_bytes(data)
        with Stash(self.path) as stash:
            self.assertEqual((dict(stash), stash.dropped), (KEPT, dropped))
            stash["next"] = b"new"
        self.assertEqual(self.stored(), KEPT | {"next": b"new"})
        with Stash(self.path) as stash:
            self.assertEqual(stash.dropped, 0)


class TornEnd(Base):
    def test_cut_anywhere(self):
        longer = self.write({"last": b"some value" * 3})
        for end in range(len(self.whole) + 1, len(longer)):
            with self.subTest(end=end):
                self.recovers(longer[:end], end - len(self.whole))

    def test_full_length_but_not_the_content(self):
        longer = self.write({"last": b"some value" * 3})
        self.recovers(longer[:-10] + b"\0" * 10, len(longer) - len(self.whole))

    def test_zeros(self):
        for count in 1, 11, 12, 13, 24, 4096:
            with self.subTest(count=count):
                self.recovers(self.whole + b"\0" * count, count)

    def test_file_that_begins_torn(self):
        self.path.write_bytes(self.whole[:7])
        self.assertEqual(self.stored(), {})


class Damage(Base):
    def test_no_flipped_byte_costs_later_records(self):
        data = self.write({"last": b"value"})
        for place in range(len(self.whole)):
            for flip in 0x01, 0x80:
                with self.subTest(place=place, flip=flip):
                    damaged = bytearray(data)
                    damaged[place] ^= flip
                    self.path.write_bytes(damaged)
                    with self.assertRaises(CorruptFile):
                        Stash(self.path)
                    self.assertEqual(self.path.read_bytes(), bytes(damaged), "a damaged file must not be changed")

    def test_zeros_in_the_middle(self):
        one_more = self.write({"last": b"value"})[len(self.whole) :]
        self.path.write_bytes(self.whole + b"\0" * 512 + one_more)
        with self.assertRaises(CorruptFile):
            Stash(self.path)

    def test_empty_key(self):
        with Stash(self.path) as stash:
            with self.assertRaises(ValueError):
                stash[""] = b"x"
        self.assertEqual(self.path.read_bytes(), self.whole)


class Compaction(Base):
    def test_what_comes_after_is_kept(self):
        with Stash(self.path) as stash:
            stash.compact()
            stash["after"] = b"1"
            stash.compact()
            del stash["b"]
        self.assertEqual(self.stored(), {"größe": b"42", "state": b"\0" * 40, "after": b"1"})

    def test_rest_of_an_interrupted_one(self):
        new = self.path.with_name("a.stash.new")
        new.write_bytes(b"half a rec")
        self.assertEqual(self.stored(), KEPT)
        with Stash(self.path) as stash:
            stash.compact()
        self.assertEqual(self.stored(), KEPT)
        self.assertFalse(new.exists())


if __name__ == "__main__":
    unittest.main()
