"""Statistics of measures that should predict an outcome over n checkpoints: arrays in, numbers out."""
