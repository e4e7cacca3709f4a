"""python3 -m stashdb [--compact] FILE [KEY]"""

import sys

from stashdb import CorruptFile, Stash


def main(arguments):
    compact = "--compact" in arguments
    rest = [argument for argument in arguments if argument != "--compact"]
    if len(rest) not in (1, 2):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        with Stash(rest[0]) as stash:
            if compact:
                stash.compact()
            if len(rest) == 2:
                sys.stdout.buffer.write(stash[rest[1]] + b"\n")
            else:
                print(*stash, sep="\n")
    except (CorruptFile, KeyError) as error:
        print(f"stashdb: {rest[0]}: {error}", file=sys.stderr)
        return 1
    return 0


sys.exit(main(sys.argv[1:]))
