"""The command line: `show PROFILE [--set KEY=VALUE ...]`."""

import argparse
import json
import re
import sys
from pathlib import Path

from deploytoml import SettingsError, load, override


def lines(settings, prefix=""):
    """One line `key = value` for each setting. The tables of an array are called by their names."""
    for key, value in settings.items():
        if not re.fullmatch(r"[\w-]+", key):
            key = json.dumps(key)
        if isinstance(value, list) and all(isinstance(one, dict) for one in value):
            value = {one.get("name", "?"): one for one in value}
        if isinstance(value, dict):
            yield from lines(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key} = {json.dumps(value, ensure_ascii=False)}"


def main(argv=None):
    parser = argparse.ArgumentParser(prog="deploytoml")
    parser.add_argument("command", choices=["show"])
    parser.add_argument("profile")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="assignments")
    parser.add_argument("--folder", type=Path, default=Path("deploy"))
    options = parser.parse_args(argv)
    try:
        settings = load(options.folder, options.profile)
        for assignment in options.assignments:
            settings = override(settings, assignment)
    except SettingsError as error:
        print(f"deploytoml: {error}", file=sys.stderr)
        return 1
    print(*lines(settings), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
