"""The help text."""


def usage(program, options):
    """A heading and one line per option, in columns."""
    rows = []
    for option in options:
        names = f"-{option.short}, --{option.name}" if option.short else f"    --{option.name}"
        if not option.flag:
            names += f" {option.kind.__name__.upper()}"
        note = f" (default: {option.default})" if option.default is not None and not option.flag else ""
        rows.append((names, option.help + note))
    width = max(len(names) for names, _ in rows)
    lines = [f"usage: {program} [options] [--] [arguments]", ""]
    lines += [f"  {names:<{width}}  {text}".rstrip() for names, text in rows]
    return "\n".join(lines)
