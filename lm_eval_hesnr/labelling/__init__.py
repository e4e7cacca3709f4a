"""A label for every character of a trajectory, and the text that the model reads."""
