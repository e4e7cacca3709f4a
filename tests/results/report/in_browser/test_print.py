"""The printed page."""

import re

import pytest


def n_pages(pdf):
    """Return the number of pages of a PDF of Chromium."""
    return len(re.findall(rb"/Type\s*/Page[^s]", pdf))


@pytest.mark.parametrize("name", ["pair", "family"])
def test_a_print_has_at_most_twelve_pages(page, name, request):
    page.open(request.getfixturevalue(name))
    assert 1 <= n_pages(page.pdf()) <= 12


def test_a_print_from_a_dark_screen_is_dark_text_on_white(page, pair):
    page.open(pair, scheme="dark")
    page.command("Emulation.setEmulatedMedia", media="print")
    colours = page.evaluate("(s => [s.color, s.backgroundColor])(getComputedStyle(document.body))")
    page.command("Emulation.setEmulatedMedia", media="")
    assert [sum(map(int, re.findall(r"\d+", colour)[:3])) > 383 for colour in colours] == [False, True]
