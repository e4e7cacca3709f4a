"""The wanted rows of logits from a PyTorch model: what `hf-topk` runs."""
