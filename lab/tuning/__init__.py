"""Fine-tuning on micro-SWE, and attempts at its tasks."""
