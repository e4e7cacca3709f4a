"""Handlers for children in tests: the probes without the filter of system calls, and the result of a program."""

from lab.grader import limits
from lab.grader.execute import outcome
from lab.grader.probes import answer
from lab.grader.syntax import compiled

limits.filter_system_calls = lambda: False

__all__ = ["answer", "result"]


def result(request):
    """The text of what a function returns."""
    return outcome(compiled(request["source"]), "f", request["arguments"]).text
