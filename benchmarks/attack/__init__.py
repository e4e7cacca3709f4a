"""Attacks on the public behaviour of the package: `python -m benchmarks.attack`. `benchmarks/README.md` explains it."""
