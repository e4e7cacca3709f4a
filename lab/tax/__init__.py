"""The experiment `tax`: what seven losses of fine-tuning do to HE-SNR, and to the tasks that are solved."""
