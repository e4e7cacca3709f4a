"""Runs edited functions on tests, in child processes with limits."""

from lab.grader.grade import Gradable, Grade
from lab.grader.pool import Pool

__all__ = ["Gradable", "Grade", "Pool"]
