"""The laboratory: open tests of what HE-SNR claims."""
