"""The cache itself: an ordered dict, oldest use first."""

from collections import OrderedDict

from ttlcache.clock import monotonic
from ttlcache.stats import Stats

MISSING = object()


class TTLCache:
    """At most `capacity` entries, each for at most `ttl` seconds.

    `ttl` can be overridden per entry in `put`. A ttl of None means that the entry never expires.
    """

    def __init__(self, capacity, ttl=None, clock=monotonic, on_evict=None):
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, not {capacity}")
        self.capacity = capacity
        self.ttl = ttl
        self.stats = Stats()
        self._clock = clock
        self._on_evict = on_evict
        self._entries = OrderedDict()  # key -> (value, deadline or None)

    # -- reading ---------------------------------------------------------------------------

    def get(self, key, default=None):
        entry = self._entries.get(key)
        if entry is None:
            self.stats.misses += 1
            return default
        value, deadline = entry
        self._entries.move_to_end(key)
        if self._is_over(deadline):
            self.stats.misses += 1
            return default
        self.stats.hits += 1
        return value

    def __contains__(self, key):
        return key in self._entries

    def __len__(self):
        return len(self._entries)

    def keys(self):
        """The keys, least recently used first."""
        return list(self._entries)

    # -- writing ---------------------------------------------------------------------------

    def put(self, key, value, ttl=MISSING):
        ttl = self.ttl if ttl is MISSING else ttl
        deadline = None if ttl is None else self._clock() + ttl
        if key not in self._entries and len(self._entries) >= self.capacity:
            self._evict_one()
        self._entries[key] = (value, deadline)
        self._entries.move_to_end(key)

    def delete(self, key):
        """Whether there was such an entry."""
        if key not in self._entries:
            return False
        self._drop(key, "deleted")
        return True

    # -- making room -----------------------------------------------------------------------

    def _evict_one(self):
        oldest = next(iter(self._entries))
        self.stats.evicted += 1
        self._drop(oldest, "capacity")

    def _drop(self, key, reason):
        value, _ = self._entries.pop(key)
        if self._on_evict is not None:
            self._on_evict(key, value, reason)

    def _is_over(self, deadline):
        return deadline is not None and self._clock() > deadline
