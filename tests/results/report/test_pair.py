"""Which two runs the page compares token by token."""

import pytest

from lm_eval_hesnr.results.report.report import report
from tests.results.report.in_browser.synthetic_runs import documents, write_run
from tests.results.report.page_parts import Parts


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    folder, texts = tmp_path_factory.mktemp("three"), documents(6, 300)
    return [write_run(folder / name, texts, number=i, better=0.3 * i) for i, name in enumerate("ABC")]


def compared(*paths, **options):
    """Return the names of A and B of the token view, and the page."""
    page = Parts(report(*paths, **options).html)
    return page.data["views"][0]["runs"], page


def test_the_run_to_take_is_compared_with_its_closest_rival(three):
    names, page = compared(*three)
    assert names == ["B", "C"]
    assert page.table("C minus B")
    assert [page.data["checkpoints"][page.data[key]]["name"] for key in ("baseline", "reference", "focus")] == [*"ABC"]
    assert page.data["verdict"]["sentences"][-1].startswith("C is not distinguishable from B: ")


def test_a_given_baseline_is_the_other_run(three):
    names, page = compared(*three, baseline="A")
    assert names == ["A", "C"]
    assert page.table("C minus A")


def test_the_effects_of_the_trajectories_add_up_to_the_difference_from_the_rival(three):
    _, page = compared(*three)
    b, c = (page.data["checkpoints"][i]["values"]["action"]["he_snr"]["value"] for i in (1, 2))
    assert sum(one["effect"] for one in page.data["documents"]) == pytest.approx(c - b, abs=1e-6)
