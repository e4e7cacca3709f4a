"""Results in the formats of other programs: tables, leaderboards, model cards and experiment trackers."""
