"""Arguments to settings."""

from argtable.errors import UsageError


def parse(options, arguments):
    """(settings, rest): a dict with a value for every option, and what is no option."""
    long = {f"--{option.name}": option for option in options}
    short = {f"-{option.short}": option for option in options if option.short}
    settings = {option.key: option.start_value() for option in options}
    rest = []
    arguments = list(arguments)
    while arguments:
        argument = arguments.pop(0)
        if not argument.startswith("-"):
            rest.append(argument)
            continue
        option = long.get(argument) or short.get(argument)
        if option is None:
            raise UsageError(f"unknown option {argument}")
        if option.flag:
            settings[option.key] = True
            continue
        if not arguments:
            raise UsageError(f"{argument} needs a value")
        value = _convert(option, argument, arguments.pop(0))
        if option.many:
            settings[option.key].append(value)
        else:
            settings[option.key] = value
    return settings, rest


def _convert(option, argument, text):
    try:
        return option.kind(text)
    except ValueError:
        raise UsageError(f"{argument}: not a valid {option.kind.__name__}: {text!r}") from None
