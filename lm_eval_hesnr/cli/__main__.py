"""`python -m lm_eval_hesnr.cli`: the `hesnr` command, for when its script is not on the PATH."""

import sys

from lm_eval_hesnr.cli import main

if __name__ == "__main__":
    sys.exit(main())
