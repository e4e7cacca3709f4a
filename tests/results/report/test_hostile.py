"""No text of a run becomes an element, an attribute or a script of the page."""

import base64
import hashlib
import json
import re

import pytest

from lm_eval_hesnr.results.report.page_data import as_json
from lm_eval_hesnr.results.report.report import report
from tests.results.report.in_browser.synthetic_runs import document, documents, write_run
from tests.results.report.page_parts import Parts

MARKUP = "</script><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7 * 7 }}\u2028\u202e\"'><!--"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A page about runs with markup in ids, text, models, settings, keys and scopes."""
    folder = tmp_path_factory.mktemp("hostile")
    texts = [document(f"{MARKUP}{i}", [("observation", MARKUP), ("action", MARKUP * 9)]) for i in range(4)]
    texts += documents(2, 100)
    paths = []
    for number in range(2):
        path = write_run(folder / f"{number} <b>", texts, model=f"{MARKUP}{number}", number=number, better=0.2 * number)
        data = json.loads(path.read_text())
        config = data["configs"]["swe_hesnr"]
        config["signature"][MARKUP] = ["\ud800", MARKUP]
        config["generated_by"] = {MARKUP: 3}
        config["documents"]["ids"][5] = "\udfff<b>"
        path.write_text(json.dumps(data))
        paths.append(path)
    return report(*paths, show=8, title=MARKUP).html


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    folder, texts = tmp_path_factory.mktemp("plain"), documents(6, 100)
    return report(*(write_run(folder / str(i), texts, number=i, better=0.2 * i) for i in range(2)), show=8).html


def names(html):
    elements = Parts(html).elements
    return {tag for tag, _ in elements}, {name for _, attributes in elements for name in attributes}


def test_the_page_has_the_elements_and_attributes_of_a_harmless_one(hostile, plain):
    tags, attributes = names(hostile)
    assert tags <= names(plain)[0]
    assert attributes <= names(plain)[1]
    assert not any(name.startswith("on") or name in ("src", "srcset", "action") for name in attributes)


def test_all_links_stay_on_the_page(hostile):
    links = [str(attributes["href"]) for tag, attributes in Parts(hostile).elements if tag == "a"]
    assert links
    assert all(re.fullmatch(r"#[a-z]+|#t=\d+(\.\d+)?", link) for link in links)


def test_only_our_scripts_are_allowed_and_nothing_is_fetched(hostile):
    found = Parts(hostile)
    policy = next(str(a["content"]) for _, a in found.elements if a.get("http-equiv") == "Content-Security-Policy")
    scripts = [text for attributes, text in found.scripts if not attributes]
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts]
    assert policy.partition("script-src ")[2].partition(";")[0] == "'sha256-{}' 'sha256-{}'".format(*digests)
    assert policy.startswith("default-src 'none';")
    assert {attributes.get("type") for attributes, _ in found.scripts} == {None, "application/json", "text/plain"}


def test_no_character_reorders_the_page_or_is_half_of_a_pair(hostile):
    assert not re.search("[\ud800-\udfff\u202e\u2028\x00-\x08\x0b-\x1f\x7f-\x9f]", hostile)


def test_the_data_are_ascii_without_signs_of_markup():
    text = as_json({"</script>": ["\u2028\ud800&<!--", float("nan"), 1.5]})
    assert text.isascii()
    assert not set("<>&") & set(text)
    assert json.loads(text) == {"</script>": ["\\u2028\\ud800&<!--", None, 1.5]}
