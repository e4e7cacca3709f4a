"""How many terminal cells a text takes."""

import unicodedata


def char_width(char):
    """0, 1 or 2 cells."""
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) == "W" else 1


def text_width(text):
    """The cells of a text without line breaks."""
    return sum(char_width(char) for char in text)
