"""Makes tiny-swe-lm, the causal language model embedded in the package."""
