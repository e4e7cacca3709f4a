"""The wrong action of an example: the buggy row as it is. A model writes it if it copies and does not repair."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lab.tuning.fine_tune import Encoder, encoded
from lm_eval_hesnr.errors import InputError


def unchanged_row(prompt: str, action: str) -> str:
    """The action that keeps the row which the right action replaces.

    Args:
        prompt: of a task of level 0 or 1: the first line is a command, then comes the file with numbered rows.
        action: the right one, `ROW|TEXT`.

    Raises:
        InputError: the prompt does not show this row, or the right action does not change it.
    """
    row = action.partition("|")[0]
    lines = prompt.splitlines()
    shown = lines[int(row)] if row.isdigit() and int(row) < len(lines) else ""
    wrong = f"{row}|{shown.removeprefix(f'{row} ')}\n"
    if not shown.startswith(f"{row} ") or wrong == action:
        raise InputError(f"the action {action!r} does not replace a row that the prompt shows: {prompt!r}")
    return wrong


class Contrast(NamedTuple):
    """Token ids of a prompt, of the right action after it, and of a wrong one."""

    prompt: list[int]
    action: list[int]
    wrong: list[int]


def with_wrong(tokenizer: Encoder, examples: Sequence[tuple[str, str]]) -> list[Contrast]:
    """(prompt, right action) as token ids, with the token ids of the wrong action."""
    wrong = [(prompt, unchanged_row(prompt, action)) for prompt, action in examples]
    pairs = zip(encoded(tokenizer, examples), encoded(tokenizer, wrong), strict=True)
    return [Contrast(one.prompt, one.action, other.action) for one, other in pairs]


def first_difference(example: Contrast) -> int | None:
    """The place of the first token that differs in the two actions; None if one action begins with the other."""
    pairs = zip(example.action, example.wrong, strict=False)
    return next((i for i, (right, wrong) in enumerate(pairs) if right != wrong), None)
