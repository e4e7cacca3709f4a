"""The requested rows of logits from a PyTorch model: the engine of `hf-topk`."""
