"""`str` and `%` for programs. No text shows where an object is in memory, as an attack on Python needs that."""

from __future__ import annotations

_ATOMS = frozenset({type(None), bool, int, float, str})


def plain(value: object) -> object:
    """The value.

    Raises:
        TypeError: it has a part of another type than those of `values.shown`, such as a function.
    """
    waiting, seen = [value], set()
    while waiting:
        item = waiting.pop()
        if type(item) in _ATOMS or id(item) in seen:
            continue
        if not isinstance(item, (list, tuple, set, dict)):
            raise TypeError(f"a {type(item).__name__} has no text")
        seen.add(id(item))
        waiting += [part for pair in item.items() for part in pair] if isinstance(item, dict) else item
    return value


class _Text(type):
    def __call__(cls, *values: object, **named: object) -> str:
        plain([*values, *named.values()])
        return str(*values, **named)

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, str)


class Text(str, metaclass=_Text):
    """What programs have in the place of `str`. It makes texts of plain values only, see `plain`."""

    __slots__ = ()
