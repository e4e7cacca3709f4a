"""HE-SNR during a training with `transformers.Trainer`."""
