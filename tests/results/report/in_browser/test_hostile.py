"""Text of trajectories, ids, models and paths that tries to run, to break the page, or to fetch."""

import json

import pytest

from tests.results.report.in_browser.synthetic_runs import document, documents, write_run

RUNS_IF_MARKUP = '<img src="https://example.invalid/x" onerror="alert(1)">'
TEXTS = [
    "</script><script>alert(1)</script>",
    "</SCRIPT ><svg/onload=alert(1)>",
    f"</textarea></title></style>{RUNS_IF_MARKUP}",
    "<!--<script>", "-->", "]]>", "{{ 7 * 7 }} {% raw %}", "&lt;b&gt; &amp; &#60;i&#62;",
    "javascript:alert(1)", "\u2028\u2029\u0085", "\u202eright to left\u202c \u2067\u05d0\u05d1\u2069 \u200f",
    "\x00\x07\x1b[31mred\x1b[0m\x7f", "\ufeff\ufffd\ufdd0", "\U0001f600\U0001f469\u200d\U0001f4bb", "e\u0301" * 50,
    "`${alert(1)}`", "'\"><b>", "\\u003cscript\\u003e", "@import url(https://example.invalid/y);",
]  # fmt: skip
"""Pieces of a trajectory."""
MODEL = f"/models/{RUNS_IF_MARKUP}</script><script>alert(2)</script>\u2028\ud83d{{{{1}}}}"
"""With half of a surrogate pair, which no UTF-8 file can contain, but JSON can."""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory, reported):
    """The report of two runs with hostile text in trajectories, ids, model names and folders."""
    folder = tmp_path_factory.mktemp("hostile")
    segments = [(kind, f"{text} some words\n") for text in TEXTS for kind in ("observation", "action")]
    runs = documents(5, 400, seed=3)
    runs += [document(f"id{i}{text[:60]}", [*segments, ("action", text * 20)]) for i, text in enumerate(TEXTS[:3])]
    runs.append(document("half \ud83d of a pair", segments))
    paths = []
    for number, name in enumerate((f"a {RUNS_IF_MARKUP}".replace("/", "-"), "b </script>".replace("/", "-"))):
        paths.append(write_run(folder / name, runs, model=MODEL, number=number, better=0.1 * number))
    return reported(*paths, "--show", "9")


def test_no_text_runs_or_fetches(page, hostile):
    page.open(hostile)
    for action in ("worst", "next", "previous"):
        page.evaluate(f"document.querySelector('[data-action={action}]').click()")
    n_views = page.evaluate("document.querySelector('#trajectory').options.length")
    assert n_views >= 4
    for i in range(n_views):
        page.evaluate("(e => { e.selectedIndex = arguments[0]; e.dispatchEvent(new Event('change')) })(trajectory)", i)
        page.frame()
    page.evaluate_later("await new Promise(r => setTimeout(r, 300))")
    assert (page.requests(), page.errors(), page.dialogs()) == ([], [], [])


def test_the_page_has_no_element_of_the_text(page, hostile):
    page.open(hostile)
    assert page.evaluate("document.querySelectorAll('img, svg[onload], iframe, object, embed, link, base').length") == 0
    scripts = page.evaluate("[...document.scripts].map(s => s.type).filter(t => t === '' || t === 'module').length")
    assert scripts <= 2
    handlers = "[...document.querySelectorAll('*')].filter(e => [...e.attributes].some(a => /^on/.test(a.name))).length"
    assert page.evaluate(handlers) == 0
    assert page.evaluate("document.querySelectorAll('footer, #made').length") >= 1


def test_the_text_is_shown_as_it_is(page, hostile):
    page.open(hostile)
    shown = ""
    for i in range(page.evaluate("document.querySelector('#trajectory').options.length")):
        page.evaluate("(e => { e.selectedIndex = arguments[0]; e.dispatchEvent(new Event('change')) })(trajectory)", i)
        page.frame()
        shown += page.evaluate("document.querySelector('#text').textContent")
    for text in ("</script><script>alert(1)</script>", "{{ 7 * 7 }} {% raw %}", "&lt;b&gt; &amp; &#60;i&#62;"):
        assert text in shown
    assert "\U0001f600" in shown
    assert not {"\u202e", "\u2028", "\x1b", "\x00"} & set(shown)


def test_a_line_of_ten_megabytes(page, reported, tmp_path):
    line = "0123456789abcdef" * (10 * 2**20 // 16)
    long = document(
        "long", [("observation", "before\n" + " ".join(line[i : i + 399] for i in range(0, len(line), 399)))]
    )
    runs = [*documents(5, 300), long]
    paths = [write_run(tmp_path / name, runs, number=i, better=0.1 * i) for i, name in enumerate("AB")]
    page.open(reported(*paths, "--show", "long"), fragment="#t=0.5")
    page.evaluate("document.querySelector('[data-action=worst]').click()")
    page.frame()
    assert page.errors() == []
    assert len(page.evaluate("document.querySelector('#text').textContent")) > 10 * 2**20


def test_a_results_file_with_half_a_surrogate_pair_in_it_is_shown(page, two_runs, reported, tmp_path):
    paths = []
    for folder in two_runs:
        (path,) = folder.glob("results_*.json")
        data = json.loads(path.read_text())
        data["configs"]["swe_hesnr"]["documents"]["ids"][0] = "\ud83d<b>\udc00"
        data["configs"]["swe_hesnr"]["signature"]["model"] = "\udfff"
        changed = tmp_path / folder.name / path.name
        changed.parent.mkdir()
        changed.write_text(json.dumps(data))
        paths.append(changed)
    page.open(reported(*paths))
    assert (page.requests(), page.errors(), page.dialogs()) == ([], [], [])
