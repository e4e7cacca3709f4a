"""The names of variables and functions: templates use roles, tasks use random names."""

from __future__ import annotations

import random

from lab.micro_swe.tokens import own, tokens_of

ROLES = {
    "f": "total tally scan pick measure gather reduce walk compute check collect derive build shrink process apply run "
    "resolve handle update solve select extract convert combine",
    "g": "helper inner step_of part single convert_one visit weigh rate adjust",
    "xs": "xs items values data seq numbers entries elements samples readings",
    "ys": "ys others more second_list extra targets weights",
    "x": "x item v elem entry val current",
    "y": "y other w peer mate",
    "acc": "acc out result res answer output collected",
    "total": "total sum_ amount s subtotal balance",
    "count": "count cnt num hits found_count c0",
    "best": "best top record winner choice peak",
    "n": "n limit size bound threshold width",
    "m": "m cap goal maximum target quota",
    "k": "k span factor chunk period gap",
    "i": "i idx pos index at",
    "j": "j jdx nxt off other_pos",
    "text": "text line raw string source message",
    "word": "word token term name_ piece",
    "words": "words tokens terms parts pieces",
    "char": "char ch c letter symbol",
    "mark": "mark sep sign needle wanted",
    "table": "table counts mapping lookup index_of store d",
    "key": "key name label ident code",
    "value": "value quantity qty worth level",
    "lo": "lo low start left floor_",
    "hi": "hi high end right ceiling",
    "a": "a p first x0 one",
    "b": "b q second x1 two",
    "prev": "prev last before old previous",
    "rows": "rows grid matrix lines_ board",
    "row": "row record_ line_ cells",
    "pairs": "pairs orders events records edges",
    "seen": "seen known done visited used",
    "flag": "flag ok inside active open_",
    "depth": "depth nesting lvl stack_size",
    "stack": "stack pending queue todo",
    "rest": "rest remaining left_over budget",
    "digit": "digit d0 bit unit",
}
"""Role to its names, separated by blanks."""

_POOLS = {role: names.split() for role, names in ROLES.items()}


def renamed(source: str, names: dict[str, str]) -> str:
    """The source with each of the names replaced."""
    lines = source.splitlines(keepends=True)
    tokens = tokens_of(source)
    for i in reversed(own(tokens)):
        name, (row, column), (_, end) = tokens[i].string, tokens[i].start, tokens[i].end
        line = lines[row - 1]
        lines[row - 1] = line[:column] + names.get(name, name) + line[end:]
    return "".join(lines)


def random_names(source: str, rng: random.Random) -> dict[str, str]:
    """A random name for each role in the source. No two roles get the same.

    Raises:
        KeyError: the source has a name that is not a role.
    """
    names: dict[str, str] = {}
    for role in own_names(source):
        names[role] = rng.choice([name for name in _POOLS[role] if name not in names.values()])
    return names


def own_names(source: str) -> list[str]:
    """The names that the source itself defines: functions, arguments and variables, in the order of the text."""
    tokens = tokens_of(source)
    return list(dict.fromkeys(tokens[i].string for i in own(tokens)))
