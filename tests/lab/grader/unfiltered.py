"""The probes in a child without the filter of system calls: only the limits are left."""

from lab.grader import limits
from lab.grader.probes import answer

limits.filter_system_calls = lambda: False

__all__ = ["answer"]
