import re
from dataclasses import replace

import numpy as np
import pytest

from lm_eval_hesnr.results.correlate.figures import COLOURS
from lm_eval_hesnr.results.correlate.page import correlation_page, correlation_section
from tests.results.correlate.test_correlation import points, result
from tests.results.report.page_parts import Parts


def test_better_points_are_further_right_and_higher():
    found = result(points(family=lambda i: f"run {i % 4}", noise=0.2))
    section = correlation_section(found)
    assert [figure["label"] for figure in section["figures"]] == ["he_snr,action", "ppl,action", "log(step)"]
    for figure, row in zip(section["figures"], found.rows, strict=True):
        drawn = figure["points"]
        assert np.corrcoef([one["x"] for one in drawn], row.predictor.x)[0, 1] == pytest.approx(1, abs=1e-4)
        assert np.corrcoef([one["y"] for one in drawn], found.points.y)[0, 1] == pytest.approx(-1, abs=1e-4)


def test_every_point_has_both_error_bars_inside_the_frame():
    figure = correlation_section(result(points(noise=0.2)))["figures"][0]
    frame = figure["frame"]
    for one in figure["points"]:
        assert frame["left"] < one["left"] < one["x"] < one["right"] < frame["right"]
        assert frame["top"] < one["high"] < one["y"] < one["low"] < frame["bottom"]


def test_training_time_has_no_bar_across():
    figure = correlation_section(result(points()))["figures"][-1]
    assert all(one["left"] == one["x"] == one["right"] for one in figure["points"])


def test_ticks_are_values_of_the_measure_and_pass_rates():
    figures = correlation_section(result(points(noise=0.2)))["figures"]
    ppl = [float(tick["label"]) for tick in figures[1]["x_ticks"]]
    assert ppl == sorted(ppl, reverse=True)  # a lower perplexity is better
    assert 6 < min(ppl) < max(ppl) < 11
    assert [tick["label"] for tick in figures[0]["y_ticks"]] == ["20 %", "30 %", "40 %", "50 %", "60 %"]


def test_each_training_run_has_a_colour():
    section = correlation_section(result(points(family=lambda i: f"run {i % 4}")))
    assert section["families"] == {f"run {i}": COLOURS[i] for i in range(4)}
    assert {one["colour"] for one in section["figures"][0]["points"]} == set(COLOURS[:4])


def test_the_last_table_has_every_checkpoint():
    table = correlation_section(result(points(6)))["tables"][-1]
    assert [row[0] for row in table["rows"]] == ["checkpoint", *(f"c{i:02}" for i in range(6))]


def test_few_checkpoints_have_a_page_without_figures():
    page = correlation_page(result(points(4)))
    assert "<svg" not in page
    assert "NOT KNOWN: 4 checkpoints; at least 5 are needed." in page


HOSTILE = "</title></svg><script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7 * 7 }}\u202e\x1b\n\u2028"


def test_no_name_becomes_an_element_an_attribute_or_a_control_character():
    harmless = points(5, family=lambda i: f"run {i % 2}")
    names = points(5, family=lambda i: f"{HOSTILE}{i % 2}")
    names.names = [f"{HOSTILE}{name}" for name in names.names]
    names.scores = [replace(score, checkpoint=name) for score, name in zip(names.scores, names.names, strict=True)]
    page, expected = (correlation_page(result(one)) for one in (names, harmless))
    assert page.count("alert(1)") > 5
    assert [shape(tag) for tag in Parts(page).elements] == [shape(tag) for tag in Parts(expected).elements]
    assert not re.search("[\u202e\x1b\u2028]", page)


def shape(element):
    """The name of an element and the names of its attributes."""
    tag, attributes = element
    return tag, sorted(attributes)


def test_the_page_may_request_nothing_and_run_nothing():
    (policy,) = (
        str(attributes["content"])
        for _, attributes in Parts(correlation_page(result(points()))).elements
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline';")
    assert "script-src" not in policy
