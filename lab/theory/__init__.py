"""Experiment `theory`: what HE-SNR can and cannot see, from theorems and from known changes of a model's logits."""
