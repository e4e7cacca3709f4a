"""python3 -m folio FILE: the list of references of a file."""

import sys
from pathlib import Path

from folio import read_entries, references

for line in references(read_entries(Path(sys.argv[1]).read_text(encoding="utf-8"))):
    print(line)
