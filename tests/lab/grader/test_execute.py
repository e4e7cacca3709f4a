"""The check of syntax and the budget of steps: the first defences, without a child."""

import pytest

from lab.grader.execute import Outcome, outcome
from lab.grader.syntax import ForbiddenError, compiled
from lab.grader.values import UnshownError, shown


def run(body, arguments="[[3, 1, 2]]"):
    """The outcome of a function with these rows."""
    rows = "".join(f"    {row}\n" for row in body.split("\n"))
    return outcome(compiled(f"def f(xs):\n{rows}"), "f", arguments)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("return sorted(xs)", Outcome("value", "[1, 2, 3]")),
        ("return {x: str(x) for x in xs}", Outcome("value", "{1: '1', 2: '2', 3: '3'}")),
        ("return sum(x for x in xs if x > 1), 1 / 2", Outcome("value", "(5, 0.5)")),
        ("return sorted(xs, key=lambda x: -x)[0]", Outcome("value", "3")),
        ("def g(x):\n    return x + 1\nreturn [g(x) for x in xs]", Outcome("value", "[4, 2, 3]")),
        ("return xs[9]", Outcome("error", "IndexError")),
        ("return y", Outcome("error", "NameError")),
        ("while True: pass", Outcome("steps", "")),
        ("return [x for x in xs for y in range(1000) for z in range(9)]", Outcome("steps", "")),
        ("return f(xs)", Outcome("steps", "")),
        ("return (lambda g: g(g))(lambda g: g(g))", Outcome("steps", "")),
        ("return range(3000)", Outcome("steps", "")),
        ("return range(3)", Outcome("size", "")),
        ("return f", Outcome("size", "")),
        ("return 'a' * 30000", Outcome("size", "")),
        ("xs.append(xs)\nreturn xs", Outcome("size", "")),
        (
            "return str(xs), str(), str(None), list(map(str, xs))",
            Outcome("value", "('[3, 1, 2]', '', 'None', ['3', '1', '2'])"),
        ),
        (
            "return [isinstance(x, str) for x in ('a', 1)], max('b', 'a', key=str)",
            Outcome("value", "([True, False], 'b')"),
        ),
        ("return str.upper('a') + str.join('-', ['b', 'c'])", Outcome("value", "'Ab-c'")),
        ("x = 7\nx %= 4\nreturn x, xs[0] % xs[2], '%s %s' % (xs, 'a')", Outcome("value", "(3, 1, '[3, 1, 2] a')")),
        ("return xs[::2], xs[::-1]", Outcome("value", "([3, 2], [2, 1, 3])")),
    ],
)
def test_a_call_gives_a_value_or_the_reason_why_not(body, found):
    assert run(body) == found


@pytest.mark.parametrize(
    "row",
    [
        "import os", "return xs.__class__", "return _tick", "return '{0}'.format(xs)", "return f'{xs}'", "x: int = 1",
        "try: pass\n    finally: pass", "return 9 ** 9", "return 9999999", "return b'a'", "return (y := 1)",
        "global xs", "with xs: pass", "return " + "-" * 3900 + "1", "return (", "yield xs", "return xs.ｆｏｒｍａｔ()",
        "return eval_(\0)", "raise xs", "assert xs", "class A: pass", "return [*xs]",
    ],
)  # fmt: skip
def test_other_syntax_is_forbidden(row):
    with pytest.raises(ForbiddenError):
        compiled(f"def f(xs):\n    {row}\n")


@pytest.mark.parametrize(
    "value",
    [
        "f",
        "[f]",
        "(1, [f])",
        "{1: f}",
        "(lambda: 0)",
        "(x for x in xs)",
        "reversed(xs)",
        "xs.pop",
        "map(str, xs)",
        "sum",
    ],
)
@pytest.mark.parametrize(
    "row", ["str({0})", "list(map(str, [{0}]))", "max([{0}], key=str)", "'%s' % {0}", "'%r' % ({0},)"]
)
def test_no_text_has_the_address_of_an_object(row, value):
    assert run(f"return {row.format(value)}") == Outcome("error", "TypeError")
    assert run(f"t = '%s'\nt %= ({value},)\nreturn t") == Outcome("error", "TypeError")


@pytest.mark.parametrize(
    "row",
    ["xs[::2] = {0}", "for xs[0:9:2] in [{0}]: pass", "(xs[::1], y) = ({0}, 1)", "xs[::2] += {0}", "del xs[::2]",
     "y = xs[::2] = {0}", "[0 for xs[::2] in [{0}]]", "xs[0][::2] = {0}", "xs[::2, 0] = {0}"],
)  # fmt: skip
def test_nothing_is_assigned_to_a_slice_with_a_step(row):
    """Python 3.11 writes outside a list whose new items come from a generator that makes it shorter."""
    with pytest.raises(ForbiddenError):
        compiled(f"def f(xs):\n    {row.format('(xs.pop() for x in xs)')}\n")


def test_a_call_does_not_see_what_another_has_changed():
    code = compiled("def f(xs, seen=[]):\n    seen.append(xs.pop())\n    return seen\n")
    assert outcome(code, "f", "[[1, 2]]") == outcome(code, "f", "[[1, 2]]") == Outcome("value", "[2]")


def test_values_are_shown_as_python_writes_them_in_a_fixed_order():
    values: tuple[object, ...] = (None, True, 1, -1.5, "a'b", [], [1, (2,), ()], {}, {"a": {1: [2]}}, set())
    for value in values:
        assert shown(value) == repr(value)
    assert shown({"b": 1, "a": 2}) == "{'a': 2, 'b': 1}"
    assert shown({3, 20, 1}) == "{1, 20, 3}"
    with pytest.raises(UnshownError):
        shown(1 << 300)
