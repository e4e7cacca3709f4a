"""The worker's task that runs one `hesnr` command: a list of arguments to its exit status."""

from __future__ import annotations


def case(arguments: list[str]) -> int:
    """Run the command, and return its exit status."""
    from lm_eval_hesnr.cli import main

    return main(arguments)
