"""Experiment `predict`: does HE-SNR before fine-tuning predict solved tasks after it? See lab/PREREG.md."""
