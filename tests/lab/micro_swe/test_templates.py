"""The templates, and the functions that they give."""

import random
from collections import Counter

import pytest

from lab.grader.syntax import compiled
from lab.micro_swe.arguments import KINDS, argument
from lab.micro_swe.canonical import digest
from lab.micro_swe.names import ROLES, own_names, random_names, renamed
from lab.micro_swe.splits import is_of, template_is_kept
from lab.micro_swe.template import Template, read_templates
from lab.micro_swe.templates import TEMPLATES


def covering(template):
    """Functions of the template in which each alternative of each slot occurs."""
    slots = template.slots()
    return [template.filled([slot[i % len(slot)] for slot in slots]) for i in range(max(map(len, slots)))]


def test_there_are_many_templates_with_different_names():
    assert len({template.name for template in TEMPLATES}) == len(TEMPLATES) >= 80


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_each_template_is_valid(template):
    assert set(template.kinds) <= KINDS
    for source in covering(template):
        compiled(source)
        assert set(own_names(source)) <= set(ROLES)
        assert own_names(source)[0] == "f"
        assert all(row == row.rstrip() for row in source.splitlines())


def test_no_function_belongs_to_two_templates_and_there_are_at_least_1500():
    functions = [{digest(source) for source in template.variants()} for template in TEMPLATES]
    owners = Counter(name for names in functions for name in names)
    assert max(owners.values()) == 1
    assert len(owners) >= 1500


def test_about_one_template_in_five_is_kept_whole():
    assert 0.15 <= sum(template_is_kept(template.name) for template in TEMPLATES) / len(TEMPLATES) <= 0.25


def test_a_function_is_in_one_split_under_all_names():
    rng = random.Random(0)
    for template in TEMPLATES[::10]:
        source = template.pick(rng)
        other = renamed(source, random_names(source, rng))
        assert digest(other) == digest(source)
        assert is_of(other, "test") is is_of(source, "test") is not is_of(source, "train")


def test_templates_are_read_from_text():
    (template,) = read_templates("# one: ints, small\ndef f(xs, n):\n    return n«| + 1| - 1»\n")
    assert template == Template("one", ("ints", "small"), "def f(xs, n):\n    return n«| + 1| - 1»\n")
    assert [source.splitlines()[1] for source in template.variants()] == [
        "    return n", "    return n + 1", "    return n - 1",
    ]  # fmt: skip


def test_names_are_replaced_and_methods_and_keyword_arguments_are_not():
    source = "def f(key, xs):\n    return key.count(sorted(xs, key=xs.count))\n"
    assert renamed(source, {"key": "a", "xs": "count"}) == (
        "def f(a, count):\n    return a.count(sorted(count, key=count.count))\n"
    )


def test_the_canonical_form_ignores_names_blanks_and_comments_only():
    assert digest("def f(a):\n    return a+1\n") == digest("def g(b):\n  # add\n\n  return b + 1\n")
    assert digest("def f(a):\n    return a+1\n") != digest("def f(a):\n    return a+2\n")
    assert digest("def f(a, b):\n    return a\n") != digest("def f(a, b):\n    return b\n")


def test_each_kind_has_many_values():
    rng = random.Random(0)
    for kind in KINDS - {"size", "small", "char", "to30", "flags", "square"}:
        assert len({repr(argument(kind, rng)) for _ in range(200)}) > 24, kind
