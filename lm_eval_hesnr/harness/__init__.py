"""What the task gives to the harness: requests and values in the form in which the harness writes them to files."""
