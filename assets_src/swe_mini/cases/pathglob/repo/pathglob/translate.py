"""Globs as regular expressions."""

import re


def translate(glob):
    """The regular expression for a glob.

    `*` is any text, `?` any character, `[a-c]` one of a set, `[!a-c]` one that is not in it, and a backslash takes the
    next character as it is.
    """
    parts, index = [], 0
    while index < len(glob):
        char = glob[index]
        index += 1
        if char == "*":
            parts.append(".*")
        elif char == "?":
            parts.append(".")
        elif char == "[" and (end := glob.find("]", index + 2)) > 0:
            parts.append(_char_set(glob[index:end]))
            index = end + 1
        elif char == "\\" and index < len(glob):
            parts.append(re.escape(glob[index]))
            index += 1
        else:
            parts.append(re.escape(char))
    return "".join(parts)


def _char_set(text):
    """The inside of a `[...]`: everything but `!` in front and a range's `-` stands for itself."""
    negated = text.startswith("!")
    inside = re.sub(r"[\\\[\]^&~|]", r"\\\g<0>", text[1:] if negated else text)
    return f"[{'^' if negated else ''}{inside}]"
