"""`assets_src` is no part of the installed package: the repository's root goes on the path."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
