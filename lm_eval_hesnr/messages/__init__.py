"""What a user reads: characters that are safe on a terminal, the log, and the name that was meant."""
