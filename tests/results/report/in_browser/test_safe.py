"""The page asks for nothing, and its console has no errors, whatever it is made from."""

import re

import pytest

from lm_eval_hesnr.results.report.report import report
from tests.results.report.in_browser.synthetic_runs import documents, write_run


@pytest.fixture(scope="module")
def without_tables(two_runs, tmp_path_factory, reported):
    """The report of results files whose token tables are not there."""
    folder, runs = tmp_path_factory.mktemp("moved"), documents(6, 300)
    return reported(*(write_run(folder / name, runs, number=i, with_tables=[]) for i, name in enumerate("AB")))


@pytest.fixture(scope="module")
def of_tables(two_runs, reported):
    """The report of two folders of token tables, without results files."""
    return reported(*(folder / "tokens" for folder in two_runs))


@pytest.fixture(scope="module")
def of_one(two_runs, reported):
    """The report of one run."""
    return reported(two_runs[0])


@pytest.fixture(scope="module")
def without_text(two_runs, reported):
    """The report of two runs without the words of the trajectories."""
    return reported(*two_runs, "--no-text")


@pytest.fixture(scope="module")
def not_comparable(tmp_path_factory, reported):
    """The report of two runs on other trajectories."""
    folder = tmp_path_factory.mktemp("others")
    return reported(*(write_run(folder / name, documents(6, 300, seed=i)) for i, name in enumerate("AB")))


@pytest.mark.parametrize(
    "name", ["pair", "family", "without_tables", "of_tables", "of_one", "without_text", "not_comparable"]
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_requests_nothing_and_logs_no_error(page, name, scheme, request):
    page.open(request.getfixturevalue(name), scheme=scheme)
    for action in ("worst", "next", "previous", "search"):
        page.evaluate("document.querySelector(`[data-action=${arguments[0]}]`)?.click()", action)
    page.command("Emulation.setDeviceMetricsOverride", width=700, height=900, deviceScaleFactor=1, mobile=False)
    page.evaluate_later("await new Promise(r => setTimeout(r, 300))")  # the charts are drawn again
    assert (page.requests(), page.errors(), page.dialogs()) == ([], [], [])


def test_a_page_without_text_has_no_words_of_the_trajectories(page, without_text):
    text = "".join(one.text for one in documents(8, 3000))
    html = without_text.read_text(encoding="utf-8")
    words = set(re.findall(r"\b[a-z]+_[a-z]+_[a-z_]+\b", text))
    assert len(words) > 20
    assert not [word for word in words if word in html]
    page.open(without_text)
    page.evaluate("document.querySelector('[data-action=worst]').click()")
    assert "Token" in page.text("#chosen")


def test_the_policy_of_the_page_forbids_every_request(page, pair):
    page.open(pair)
    policy = page.evaluate("document.querySelector('meta[http-equiv=Content-Security-Policy]').content")
    assert "default-src 'none'" in policy
    page.evaluate_later("await fetch('https://example.invalid/').catch(() => 0)")
    assert page.requests() == []
    assert any("Content Security Policy" in one for one in page.errors())


def test_a_notebook_shows_the_report_in_a_frame(page, two_runs, tmp_path):
    notebook = tmp_path / "notebook.html"
    shown = report(*two_runs)._repr_html_()
    notebook.write_text(
        f"<!doctype html><script>window.hesnrReady = Promise.resolve()</script>{shown}", encoding="utf-8"
    )
    page.open(notebook)
    page.driver.switch_to.frame(0)
    page.evaluate_later("await window.hesnrReady")
    page.evaluate("document.querySelector('[data-action=worst]').click()")
    assert "Token" in page.text("#chosen")
    page.driver.switch_to.default_content()
    assert (page.requests(), page.errors(), page.dialogs()) == ([], [], [])
