"""One HTML file about several runs: which one is better, how sure that is, and at which tokens they differ."""
