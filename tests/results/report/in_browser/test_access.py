"""People who use other devices, colours, sizes, or no JavaScript can use the page."""

from dataclasses import replace

import pytest

from tests.results.report.in_browser.synthetic_runs import documents, write_sweep

ESCAPE = "\ue00c"
"""The key, as WebDriver names it."""
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def violations(page, axe):
    """Return the rules that the page breaks, with the first place of each."""
    page.command("Runtime.evaluate", expression=axe)
    found = page.evaluate_later("return (await axe.run({runOnly: arguments[0]})).violations", WCAG)
    return [(one["id"], len(one["nodes"]), one["nodes"][0]["html"][:200]) for one in found]


@pytest.mark.parametrize(("name", "scheme"), [("pair", "light"), ("family", "dark")])
def test_axe_finds_no_violation_of_wcag_22_aa(page, axe, name, scheme, request):
    page.open(request.getfixturevalue(name), scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    assert violations(page, axe) == []


def test_axe_finds_no_violation_after_a_token_is_chosen(page, axe, pair):
    page.open(pair, scheme="dark")
    page.evaluate("document.querySelector('[data-action=worst]').click()")
    assert violations(page, axe) == []


@pytest.mark.parametrize("name", ["pair", "family"])
@pytest.mark.parametrize("width", [320, 360, 768])
def test_a_narrow_page_does_not_scroll_sideways(page, name, width, request):
    page.open(request.getfixturevalue(name), width=width, height=740)
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    page.frame()
    wide, room = page.evaluate("(e => [e.scrollWidth, e.clientWidth])(document.documentElement)")
    assert wide <= room <= width


def test_long_names_do_not_make_the_page_scroll_sideways(page, reported, tmp_path):
    runs = [replace(one, name=f"{i} trajectory_" + "of_a_long_name_" * 15) for i, one in enumerate(documents(5, 300))]
    steps = {f"{i} checkpoint_" + "of_a_long_name_" * 10: i for i in range(3)}
    page.open(reported(write_sweep(tmp_path, steps, runs)), width=360)
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    page.evaluate("document.querySelector('[data-action=worst]').click()")
    page.frame()
    wide, room = page.evaluate("(e => [e.scrollWidth, e.clientWidth])(document.documentElement)")
    assert wide <= room


def test_escape_hides_what_hovers_over_the_text(page, pair):
    page.open(pair)
    page.evaluate("document.querySelector('[data-action=worst]').click()")
    page.hover("#text [aria-current] ~ [data-i]")  # the chosen token is described above the text
    assert page.evaluate("document.getElementById('hover').hidden") is False
    page.press(ESCAPE)
    assert page.evaluate("document.getElementById('hover').hidden") is True


def test_without_javascript_the_verdict_and_the_tables_are_there(page, pair):
    page.open(pair)
    verdict, which = page.text("#verdict"), page.text("#which table")
    page.open(pair, javascript=False)
    assert page.text("#verdict") == verdict
    assert page.text("#which table") == which
    shown = "arguments[0] && document.querySelector(arguments[0]).getBoundingClientRect().height"
    assert page.evaluate(shown, "#verdict") > 10
    assert page.evaluate(shown, "#which table") > 10


def test_in_forced_colours_decisions_and_the_chosen_token_are_still_marked(page, pair):
    page.open(pair, forced_colors=True)
    page.evaluate("document.querySelector('[data-action=worst]').click()")
    page.frame()
    style = page.evaluate(
        "(s => [s.outlineStyle, s.textDecorationLine])"
        "(getComputedStyle(document.querySelector('#text [aria-current]')))"
    )
    assert style[0] != "none"
    assert "underline" in style[1]
