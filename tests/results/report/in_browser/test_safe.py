"""The page asks for nothing, and its console has no errors."""

import pytest


@pytest.mark.parametrize("name", ["pair", "family"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_requests_nothing_and_logs_no_error(page, name, scheme, request):
    page.open(request.getfixturevalue(name), scheme=scheme)
    page.frame()
    assert (page.requests(), page.errors(), page.dialogs()) == ([], [], [])


def test_the_policy_of_the_page_forbids_every_request(page, pair):
    page.open(pair)
    policy = page.evaluate("document.querySelector('meta[http-equiv=Content-Security-Policy]').content")
    assert "default-src 'none'" in policy
    page.evaluate_later("await fetch('https://example.invalid/').catch(() => 0)")
    assert page.requests() == []
    assert any("Content Security Policy" in one for one in page.errors())
