"""A spreadsheet would calculate a cell that begins like a formula, and these names come from anybody."""

import csv
import io
import json

import pytest

from lm_eval_hesnr.results.correlate.cells import read_csv
from lm_eval_hesnr.results.csv_text import csv_text, without_apostrophe
from lm_eval_hesnr.results.export.csv_rows import as_csv
from lm_eval_hesnr.results.export.read_runs import read_runs
from lm_eval_hesnr.results.export.request import Request
from tests.results.export.results_files import write_results

FORMULAS = ["=1+1", "+1", "-x", "@SUM(A1)", " =1", "\t=1", "\tx", "\uff1d1", '=HYPERLINK("http://a"; "b")']


def read(text):
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("name", FORMULAS)
def test_no_text_begins_like_a_formula(name):
    header, row = read(csv_text([{"name": name, name: 1}]))
    assert row == [f"'{name}", "1"]
    assert header == ["name", f"'{name}"]
    assert without_apostrophe(row[0]) == name


def test_numbers_and_other_texts_stay_as_they_are():
    row = {"a": -0.1, "b": -3, "c": None, "d": "checkpoint-1", "e": "a=b", "f": "'quoted'", "g": 1e-300}
    assert read(csv_text([row]))[1] == ["-0.1", "-3", "", "checkpoint-1", "a=b", "'quoted'", "1e-300"]
    assert [without_apostrophe(one) for one in ("'quoted'", "'", "", "''=1")] == ["'quoted'", "'", "", "''=1"]


def test_a_missing_column_is_an_empty_cell():
    assert csv_text([{"b": 1}], ["a", "b"]) == "a,b\r\n,1\r\n"


def test_an_exported_name_is_read_again_by_correlate(tmp_path):
    text = as_csv(Request(runs=read_runs([write_results(tmp_path, model="=cmd|x")]).runs, measures=("ppl",)))
    assert ",=cmd" not in text
    assert "\n=cmd" not in text
    (tmp_path / "scores.csv").write_text(text, newline="")
    _, rows = read_csv(tmp_path / "scores.csv", ["checkpoint"])
    assert rows[0].text("checkpoint") == "=cmd|x"
    assert json.loads(rows[0].text("value")) == 32.0
