"""The parts of `completions-topk` that deal with the server: the connection, and the forms of its answers."""
