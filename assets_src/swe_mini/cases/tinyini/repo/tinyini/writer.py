"""Document to text."""


def dump(document):
    """A text that `parse` reads back as the same document."""
    blocks = []
    for section, values in document.sections.items():
        lines = [f"[{section}]"]
        lines += [f"{key} = {value}" for key, value in values.items()]
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)
