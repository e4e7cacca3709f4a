"""What is done with results once they are there."""
