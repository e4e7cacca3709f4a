"""The connection to a server and the forms of its answers: what `completions-topk` speaks."""
