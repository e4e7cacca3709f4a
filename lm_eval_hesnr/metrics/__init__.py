"""From per-token statistics to measures with standard errors: arrays in, numbers out, only numpy and scipy."""
