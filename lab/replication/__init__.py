"""Experiment `replication`: `predict` again, with checkpoints that are trained again. See docs/lab/replication.md."""
