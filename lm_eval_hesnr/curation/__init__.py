"""Trajectories of any format, filtered and counted, as one file."""
