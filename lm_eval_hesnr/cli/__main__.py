"""Runs the `hesnr` command as `python -m lm_eval_hesnr.cli`, also if its script is not on the PATH."""

import sys

from lm_eval_hesnr.cli import main

if __name__ == "__main__":
    sys.exit(main())
