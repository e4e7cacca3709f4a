"""How long to wait before the next try."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Seconds to wait: `first` after the first failure, then `factor` times as long each time."""

    first: float = 1.0
    factor: float = 2.0

    def seconds(self, failures):
        return self.first * self.factor ** (failures - 1)
