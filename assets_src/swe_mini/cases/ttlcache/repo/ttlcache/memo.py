"""Remember what a function returned."""

import functools

from ttlcache.cache import MISSING, TTLCache


def memoize(capacity=128, ttl=None, **options):
    """Decorator: keep the results of the last `capacity` calls, each for `ttl` seconds."""

    def decorate(function):
        cache = TTLCache(capacity, ttl, **options)

        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            key = (args, tuple(sorted(kwargs.items())))
            found = cache.get(key, MISSING)
            if found is MISSING:
                found = function(*args, **kwargs)
                cache.put(key, found)
            return found

        wrapper.cache = cache
        return wrapper

    return decorate
