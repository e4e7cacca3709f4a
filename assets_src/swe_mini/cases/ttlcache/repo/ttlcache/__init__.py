"""A bounded cache with a time to live per entry."""

from ttlcache.cache import MISSING, TTLCache
from ttlcache.clock import FakeClock
from ttlcache.memo import memoize
from ttlcache.stats import Stats

__all__ = ["MISSING", "FakeClock", "Stats", "TTLCache", "memoize"]
