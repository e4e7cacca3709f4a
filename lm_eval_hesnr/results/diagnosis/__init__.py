"""What may be wrong with results: findings about one run, and about the change between two runs."""
