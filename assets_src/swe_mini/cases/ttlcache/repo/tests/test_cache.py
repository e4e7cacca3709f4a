import unittest

from ttlcache import FakeClock, TTLCache, memoize


class CacheTest(unittest.TestCase):
    def setUp(self):
        self.clock = FakeClock()
        self.cache = TTLCache(capacity=2, ttl=10, clock=self.clock)

    def test_get_what_was_put(self):
        self.cache.put("a", 1)
        self.assertEqual(self.cache.get("a"), 1)
        self.assertEqual(self.cache.stats.hits, 1)

    def test_expired_entry_is_a_miss(self):
        self.cache.put("a", 1)
        self.clock.advance(11)
        self.assertIsNone(self.cache.get("a"))
        self.assertEqual(self.cache.stats.misses, 1)

    def test_least_recently_used_goes_first(self):
        self.cache.put("a", 1)
        self.cache.put("b", 2)
        self.cache.get("a")
        self.cache.put("c", 3)
        self.assertEqual(self.cache.keys(), ["a", "c"])

    def test_entry_without_ttl_stays(self):
        self.cache.put("a", 1, ttl=None)
        self.clock.advance(10_000)
        self.assertEqual(self.cache.get("a"), 1)

    def test_delete(self):
        gone = []
        cache = TTLCache(2, clock=self.clock, on_evict=lambda *args: gone.append(args))
        cache.put("a", 1)
        self.assertTrue(cache.delete("a"))
        self.assertFalse(cache.delete("a"))
        self.assertEqual(gone, [("a", 1, "deleted")])


class MemoizeTest(unittest.TestCase):
    def test_second_call_is_remembered(self):
        calls = []

        @memoize(capacity=4)
        def square(x):
            calls.append(x)
            return x * x

        self.assertEqual([square(3), square(3)], [9, 9])
        self.assertEqual(calls, [3])


if __name__ == "__main__":
    unittest.main()
