"""The experiment `calibration`: how long fine-tuning takes, and which level of the task is used."""
