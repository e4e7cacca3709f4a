"""The text of a trajectory that the model reads, and a label for every character of it."""
