"""Adds the root of the repository to the path, because `assets_src` is not part of the installed package."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
