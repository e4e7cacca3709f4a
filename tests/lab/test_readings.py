"""Raw readings: a part that is there never changes."""

import json

import pytest

from lab.readings import Readings
from lm_eval_hesnr.errors import InputError

MADE = {"commit": "c0ffee"}


def test_parts_are_added_one_by_one_and_read_again(tmp_path):
    readings = Readings(tmp_path / "predict")
    assert readings.part("a", "reading/x") is None
    readings.add("a", "reading/x", {"model": "1"}, [1.5], MADE)
    readings.add("a", "outcome/0", {"model": "1"}, {"passed": 3}, MADE)
    again = Readings(tmp_path / "predict")
    assert again.names() == ["a"]
    assert again.about("a") == {"model": "1"}
    assert again.part("a", "reading/x") == [1.5]
    assert (again.file("a") or {})["parts"]["outcome/0"] == {"made": MADE, "value": {"passed": 3}}


def test_a_part_is_never_replaced(tmp_path):
    readings = Readings(tmp_path)
    readings.add("a", "x", {}, 1, MADE)
    with pytest.raises(InputError, match="part 'x' is there already"):
        readings.add("a", "x", {}, 2, MADE)
    assert readings.part("a", "x") == 1


def test_a_part_of_another_model_is_refused(tmp_path):
    readings = Readings(tmp_path)
    readings.add("a", "x", {"model": "1", "seed": 0}, 1, MADE)
    with pytest.raises(InputError, match=r"about another model \(different: model\)"):
        readings.add("a", "y", {"model": "2", "seed": 0}, 1, MADE)
    assert readings.part("a", "y") is None


def test_a_number_that_json_does_not_have_is_refused_and_the_file_stays(tmp_path):
    readings = Readings(tmp_path)
    readings.add("a", "x", {}, 1, MADE)
    with pytest.raises(ValueError, match="Out of range float"):
        readings.add("a", "y", {}, float("nan"), MADE)
    assert list((readings.file("a") or {})["parts"]) == ["x"]


@pytest.mark.parametrize("text", ["{", "[]", json.dumps({"format": "hesnr-lab-readings", "version": 2})])
def test_a_file_that_is_no_file_of_readings_is_named(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError, match=r"a\.json"):
        Readings(tmp_path).file("a")
