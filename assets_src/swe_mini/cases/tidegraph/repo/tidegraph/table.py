"""Tables of high and low waters."""

import re
from datetime import datetime
from typing import NamedTuple

from tidegraph.zone import ZONES

_LINE = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d)\s+(?:high|low)\s+(-?\d+(?:\.\d+)?)")


class Water(NamedTuple):
    """One high or low water."""

    time: datetime
    height: float


def read_table(text):
    """The waters in a table, as they stand there. Raises ValueError with the number of a line it cannot read."""
    zone, waters = None, []
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.partition("#")[0].strip()
        if not line:
            continue
        if line.startswith("zone "):
            zone = ZONES[line.split()[1]]
            continue
        match = _LINE.fullmatch(line)
        if match is None or zone is None:
            raise ValueError(f"line {number}: expected a zone first, then lines like '2024-10-26 12:40 high 4.1'")
        time = datetime.fromisoformat(f"{match[1]}T{match[2]}").replace(tzinfo=zone)
        waters.append(Water(time, float(match[3])))
    return waters
