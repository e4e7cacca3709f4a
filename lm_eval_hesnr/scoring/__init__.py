"""Tokens, windows, statistics and storage of scores: the parts that all engines share."""
