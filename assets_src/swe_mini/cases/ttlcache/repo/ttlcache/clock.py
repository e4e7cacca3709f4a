"""Where the cache takes the time from."""

import time


def monotonic():
    """Seconds on a clock that never runs backwards."""
    return time.monotonic()


class FakeClock:
    """A clock for tests: it stands still until it is told to move."""

    def __init__(self, start=0.0):
        self.now = start

    def __call__(self):
        return self.now

    def advance(self, seconds):
        if seconds < 0:
            raise ValueError(f"a clock does not run backwards: {seconds}")
        self.now += seconds
