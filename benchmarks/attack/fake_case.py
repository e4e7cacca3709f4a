"""A worker's task for the tests of the campaign: it hangs, ends the process, raises, or prints an escape."""

from __future__ import annotations

import os
import time


def case(what: str) -> str:
    """Do what the case says."""
    if what == "hang":
        time.sleep(600)
    if what == "exit":
        os._exit(7)
    if what == "raise":
        raise ValueError("no")
    if what == "red":
        print("\x1b[31mred")
    if what == "large":
        len(b"x" * 400_000_000)
    return "done"
