"""The command line: `plan EVENT` and `check`."""

import argparse
import sys

from pipeyard.check import problems
from pipeyard.plan import load, plan


def main(argv=None):
    """The exit code: 0 if all is well, 1 if something is wrong with the files."""
    parser = argparse.ArgumentParser(prog="pipeyard")
    parser.add_argument("--folder", default="ci")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("plan").add_argument("event")
    commands.add_parser("check")
    options = parser.parse_args(argv)
    try:
        pipeline = load(options.folder)
        lines = plan(pipeline, options.event) if options.command == "plan" else problems(pipeline) or ["ok"]
    except ValueError as error:
        lines = [f"pipeyard: {error}"]
        print(*lines, sep="\n")
        return 1
    print(*lines, sep="\n")
    return 0 if options.command == "plan" or lines == ["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
