"""The server part of `completions-topk`: the connection, and the forms of the server's answers."""
