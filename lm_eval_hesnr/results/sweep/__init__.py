"""`hesnr sweep`: every checkpoint of a training run evaluated with the same settings, each in a process of its own."""
