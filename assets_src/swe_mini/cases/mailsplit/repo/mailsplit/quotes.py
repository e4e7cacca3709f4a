"""Quote marks."""


def split_quote(line):
    """(depth, text) of one line: "> yes" is (1, "yes"). One space after the marks belongs to them."""
    text = line.lstrip(">")
    return len(line) - len(text), text.removeprefix(" ")
