"""What the plugin adds to the harness: checks before a run, hints, standard errors, values for its files."""
