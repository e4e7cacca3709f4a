"""Held-out check for ttlcache: an expired entry is gone in every respect."""

import unittest

from ttlcache import FakeClock, TTLCache, memoize


class ExpiredEntries(unittest.TestCase):
    def setUp(self):
        self.clock = FakeClock()
        self.gone = []
        self.cache = TTLCache(3, ttl=10, clock=self.clock, on_evict=lambda *args: self.gone.append(args))

    def test_live_entries_survive_expired_ones(self):
        self.cache.put("live", 1, ttl=None)
        self.cache.put("x", 2)
        self.cache.put("y", 3)
        self.clock.advance(11)
        self.cache.put("new", 4)
        self.assertEqual(self.cache.get("live"), 1)
        self.assertEqual(sorted(self.gone), [("x", 2, "expired"), ("y", 3, "expired")])
        self.assertEqual((self.cache.stats.expired, self.cache.stats.evicted), (2, 0))

    def test_length_keys_and_membership(self):
        self.cache.put("x", 1)
        self.cache.put("y", 2, ttl=100)
        self.clock.advance(11)
        self.assertNotIn("x", self.cache)
        self.assertEqual(len(self.cache), 1)
        self.assertEqual(self.cache.keys(), ["y"])

    def test_get_drops_and_reports(self):
        self.cache.put("x", 1)
        self.clock.advance(11)
        self.assertIsNone(self.cache.get("x"))
        self.assertEqual(self.gone, [("x", 1, "expired")])
        self.assertEqual(self.cache.stats.expired, 1)
        self.assertFalse(self.cache.delete("x"))

    def test_over_at_the_deadline(self):
        self.cache.put("x", 1)
        self.clock.advance(10)
        self.assertIsNone(self.cache.get("x"))

    def test_callback_may_use_the_cache(self):
        cache = TTLCache(2, ttl=5, clock=self.clock, on_evict=lambda key, value, reason: len(cache))
        cache.put("a", 1)
        cache.put("b", 2)
        self.clock.advance(6)
        cache.put("c", 3)
        self.assertEqual(cache.keys(), ["c"])

    def test_none_is_a_value(self):
        self.cache.put("x", None)
        self.assertIsNone(self.cache.get("x", default="other"))
        calls = []
        remembered = memoize(clock=self.clock)(lambda: calls.append(1))
        remembered()
        remembered()
        self.assertEqual(calls, [1])


if __name__ == "__main__":
    unittest.main()
