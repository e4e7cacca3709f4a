"""The training runs of the laboratory: six families of checkpoints."""
