"""Compare runs: pair them, say which one is better, and which parts a difference has."""
