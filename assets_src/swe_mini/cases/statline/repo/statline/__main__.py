"""Numbers on stdin, one a line; their summary in one line on stdout."""

import sys

from statline.summary import Summary

summary = Summary()
for line in sys.stdin:
    if line.strip():
        summary.push(float(line))
print(summary.line())
