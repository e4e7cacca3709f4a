"""What each measure says when a model's logits are changed in a known way (docs/measures.md)."""
