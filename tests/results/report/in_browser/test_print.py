"""The printed page."""

import io
import re

import pytest


def n_pages(pdf):
    """Return the number of pages of a PDF of Chromium."""
    return len(re.findall(rb"/Type\s*/Page[^s]", pdf))


def words(pdf):
    """Return the text of a PDF."""
    pypdf = pytest.importorskip("pypdf", reason="pypdf is not installed: make test-report")
    return " ".join(" ".join(one.extract_text().split()) for one in pypdf.PdfReader(io.BytesIO(pdf)).pages)


@pytest.mark.parametrize("name", ["pair", "family"])
def test_a_print_has_at_most_twelve_pages(page, name, request):
    page.open(request.getfixturevalue(name))
    assert 1 <= n_pages(page.pdf()) <= 12


def test_a_print_has_the_verdict_the_tables_and_the_worst_decisions(page, pair):
    page.open(pair)
    worst = page.evaluate(
        "document.querySelector('details.worst td.around').textContent.trim().split(/\\s+/)"
        ".reduce((a, b) => (a.length > b.length ? a : b))"
    )
    printed = words(page.pdf())
    assert page.text("#verdict p") in printed
    assert "Which one?" in printed
    assert "he_ppl" in printed
    assert worst in printed.replace(" ", "")  # a long word may be broken between two lines


def test_a_print_from_a_dark_screen_is_dark_text_on_white(page, pair):
    page.open(pair, scheme="dark")
    page.command("Emulation.setEmulatedMedia", media="print")
    colours = page.evaluate("(s => [s.color, s.backgroundColor])(getComputedStyle(document.body))")
    page.command("Emulation.setEmulatedMedia", media="")
    assert [sum(map(int, re.findall(r"\d+", colour)[:3])) > 383 for colour in colours] == [False, True]
