"""Whether measures of checkpoints predict their downstream scores: reads both, and says what can be known."""
