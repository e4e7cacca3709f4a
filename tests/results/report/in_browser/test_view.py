"""The token view with two checkpoints."""

import re

import numpy as np
import pytest

from tests.results.report.in_browser.synthetic_runs import document, documents, write_run


def choose(page, select, value):
    """Choose an option of a select by its place or its value."""
    page.evaluate(
        "(e => { typeof arguments[1] === 'number' ? e.selectedIndex = arguments[1] : e.value = arguments[1];"
        " e.dispatchEvent(new Event('change', {bubbles: true})) })(document.getElementById(arguments[0]))",
        select,
        value,
    )
    page.frame()


def chosen_token(page):
    """Return the position of the chosen token from the address of the page."""
    found = re.fullmatch(r"#t=(\d+)\.(\d+)", page.evaluate("location.hash"))
    assert found is not None
    return int(found[1]), int(found[2])


def is_in_view(page):
    return page.evaluate(
        "(([a, b]) => a.top >= b.top - 1 && a.bottom <= b.bottom + 1)"
        "(['#text [aria-current]', '#text'].map(s => document.querySelector(s).getBoundingClientRect()))"
    )


def test_the_whole_text_is_in_the_page(page, pair):
    page.open(pair)
    name = page.evaluate("document.querySelector('#trajectory').selectedOptions[0].textContent")
    (one,) = [one for one in documents(8, 3000) if one.name in name]
    assert page.evaluate("document.querySelector('#text').textContent") == one.text


def test_the_search_of_the_browser_finds_a_word_of_the_last_block(page, pair):
    page.open(pair)
    text = page.evaluate("document.querySelector('#text').textContent")
    word = max(re.findall(r"\w{6,}", text[-800:]), key=len)
    page.evaluate("getSelection().removeAllRanges()")
    assert page.evaluate("window.find(arguments[0], true, true)", word)
    assert page.evaluate("getSelection().anchorNode.parentElement.closest('#text') !== null")


def test_a_link_to_a_token_chooses_it(page, pair):
    page.open(pair, fragment="#t=1.2500")
    page.frame()
    assert "2500" in page.text("#chosen").replace(",", "")
    assert is_in_view(page)


def test_the_address_of_the_chosen_token_is_a_link_to_it(page, pair):
    page.open(pair)
    page.evaluate("document.querySelector('[data-action=worst]').click()")
    page.frame()
    view, position = chosen_token(page)
    said = page.text("#chosen")
    page.open(pair, fragment=f"#t={view}.{position}")
    page.frame()
    assert page.text("#chosen") == said


@pytest.mark.parametrize("fragment", ["#t=99.1", "#t=0.99999999", "#t=-1.2", "#t=a.b", "#t=0.1e3", "#t=", "#nothing"])
def test_a_link_to_no_token_chooses_none(page, pair, fragment):
    page.open(pair, fragment=fragment)
    page.frame()
    assert page.errors() == []
    assert page.evaluate("document.querySelectorAll('#text [aria-current]').length") == 0


def test_every_trajectory_colour_checkpoint_and_scope_can_be_chosen(page, pair):
    page.open(pair)
    for select in ("trajectory", "checkpoint", "colour", "scope"):
        for value in page.evaluate("[...document.getElementById(arguments[0]).options].map(o => o.value)", select):
            choose(page, select, value)
            page.evaluate("document.querySelector('[data-action=worst]').click()")
            page.frame()
            assert is_in_view(page), (select, value)
    assert page.errors() == []


def test_another_trajectory_keeps_what_is_chosen(page, pair):
    page.open(pair)
    for select in ("checkpoint", "colour", "scope"):
        choose(page, select, 1)
    before = page.evaluate("['checkpoint', 'colour', 'scope'].map(id => document.getElementById(id).value)")
    choose(page, "trajectory", 1)
    page.evaluate_later("await new Promise(r => setTimeout(r, 200))")
    assert page.evaluate("['checkpoint', 'colour', 'scope'].map(id => document.getElementById(id).value)") == before


def test_a_search_after_letters_that_get_longer_in_lower_case_finds_the_word(page, reported, tmp_path):
    runs = [document("letters", [("action", "\u0130" * 50 + " needle in a haystack\n" * 3)]), *documents(5, 300)]
    paths = [write_run(tmp_path / name, runs, number=i, better=0.1 * i) for i, name in enumerate("AB")]
    page.open(reported(*paths, "--show", "letters"))
    page.evaluate("(e => { e.value = 'NEEDLE' })(document.getElementById('find'))")
    page.evaluate("document.querySelector('[data-action=search]').click()")
    assert "needle" in page.evaluate("document.querySelector('#text [aria-current]').textContent")


def test_the_candidates_of_a_chosen_decision_are_named(page, reported, tmp_path):
    runs = documents(6, 600)
    paths = [write_run(tmp_path / name, runs, number=i, better=0.1 * i, candidates=True) for i, name in enumerate("AB")]
    page.open(reported(*paths))
    choose(page, "checkpoint", 0)
    page.evaluate("document.querySelector('[data-action=worst]').click()")
    token = page.evaluate("document.querySelector('#text [aria-current]').textContent")
    candidates = page.text("#candidates")
    assert "A" in candidates
    assert token.strip() in candidates
    assert page.errors() == []


def test_only_tokens_near_the_view_are_elements(page, pair):
    page.open(pair)
    assert page.evaluate("document.getElementsByTagName('*').length") <= 2000


def test_a_trajectory_of_131072_tokens_stays_small_and_can_be_searched(page, reported, tmp_path):
    runs = [*documents(1, 131_072), *documents(6, 300, seed=5)[1:]]
    paths = [write_run(tmp_path / name, runs, number=i, better=0.1 * i) for i, name in enumerate("AB")]
    path = reported(*paths, "--show", ",".join(one.name for one in runs[:3]))
    assert path.stat().st_size <= 2_500_000
    page.open(path)
    assert page.evaluate("document.getElementsByTagName('*').length") <= 2000
    for action in ("worst", "next"):
        page.evaluate("document.querySelector(`[data-action=${arguments[0]}]`).click()", action)
        page.frame()
        assert is_in_view(page)
    page.evaluate_later(
        "const box = document.getElementById('text'); for (let i = 0; i < 60; i++) {"
        " box.scrollTop += 2000; await new Promise(requestAnimationFrame); }"
    )
    assert page.evaluate("document.getElementsByTagName('*').length") <= 2500
    word = max(re.findall(r"\w{6,}", runs[0].text[-800:]), key=len)
    assert page.evaluate("window.find(arguments[0], true, true)", word)
    assert page.errors() == []


def test_the_worst_token_costs_the_second_run_most(page, pair, two_runs):
    from lm_eval_hesnr.labels import SCOPES
    from lm_eval_hesnr.metrics.profile import EPSILON
    from lm_eval_hesnr.scoring.token_table import read_token_table

    page.open(pair)
    name = page.evaluate("document.querySelector('#trajectory').selectedOptions[0].textContent")
    a, b = (
        next(found for path in (folder / "tokens").iterdir() for id_, found in [read_token_table(path)] if id_ in name)
        for folder in two_runs
    )
    choose(page, "checkpoint", page.evaluate("document.getElementById('checkpoint').options.length") - 1)
    page.evaluate("document.querySelector('[data-action=worst]').click()")
    decided = (a.decisions(EPSILON) | b.decisions(EPSILON)) & a.in_scope(SCOPES["action"])
    cost = np.where(decided, a.logprob - b.logprob, -np.inf)
    assert chosen_token(page)[1] == cost.argmax()
