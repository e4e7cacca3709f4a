"""The token view with the keyboard alone."""

TAB, ENTER = "\ue004", "\ue007"
"""The keys, as WebDriver names them."""
FOCUSED = "(e => e.id || e.name || e.tagName)(document.activeElement)"


def to_the_view(page, most=150):
    """Press Tab until the token view has the focus."""
    for _ in range(most):
        page.press(TAB)
        if page.evaluate(FOCUSED) == "text":
            return
    raise AssertionError(f"{most} times Tab do not reach the token view")


def test_worst_next_and_previous_name_a_token(page, pair):
    page.open(pair)
    before = page.text("#chosen")
    to_the_view(page)
    page.press("w")
    worst = page.text("#chosen")
    assert worst != before
    page.press("n")
    following = page.text("#chosen")
    assert following != worst
    page.press("p")
    assert page.text("#chosen") == worst


def test_slash_goes_to_the_search_and_its_result_is_chosen(page, pair):
    page.open(pair)
    to_the_view(page)
    page.press("/")
    assert page.evaluate("document.activeElement.tagName") == "INPUT"
    page.press(*"def", ENTER)
    page.frame()
    assert page.text("#chosen")
    assert page.errors() == []


def test_the_keys_do_nothing_outside_of_the_token_view(page, pair):
    page.open(pair)
    before = page.text("#chosen")
    page.press("w", "n", "p", "/")
    assert page.text("#chosen") == before
    assert page.evaluate("document.activeElement.tagName") == "BODY"


def test_the_focus_is_visible(page, pair):
    page.open(pair)
    to_the_view(page)
    style = page.evaluate("(s => [s.outlineStyle, s.outlineWidth])(getComputedStyle(document.activeElement))")
    assert style == ["solid", "3px"]
