"""The study of `predict` again: which work it has, and both studies side by side."""

from benchmarks.repository import ROOT
from lab.page import filled
from lab.predict import experiment as predict
from lab.predict.from_readings import study_of
from lab.predict.verdicts import verdicts
from lab.readings import FOLDER, Readings
from lab.replication.experiment import analyse, pieces
from tests.lab.predict.test_from_readings import folder as predict_folder  # noqa: F401  (a fixture)


def test_it_has_the_work_of_predict_without_the_other_trajectories():
    before, again = ([(one.name, one.part) for one in made(True)] for made in (predict.pieces, pieces))
    left_out = set(before) - set(again)
    assert {part for _, part in left_out} == {"reading/swe_mini", "reading/dialect"}
    assert len(left_out) == 2 * 24
    assert len(again) == 24 * 3 + 2
    assert [one for one in before if one not in left_out] == again


def test_both_studies_are_side_by_side(predict_folder, tmp_path):  # noqa: F811
    """The first study is the second one in reverse: its outcomes are those of other checkpoints."""
    readings, reverse = Readings(tmp_path / "replication"), Readings(tmp_path / "predict")
    source = Readings(predict_folder)
    names = source.names()
    for name, other in zip(names, reversed(names), strict=True):
        about = source.about(name) or {}
        for to, outcomes_of in ((readings, name), (reverse, other)):
            to.add(name, "reading/micro_swe", about, source.part(name, "reading/micro_swe"), {})
            for seed in (0, 1):
                to.add(name, f"outcome/{seed}", about, source.part(outcomes_of, f"outcome/{seed}"), {})
    found = analyse(readings, True)
    first, again = (verdicts(study_of(one, fast=True)) for one in (reverse, readings))
    assert [one.verdict for one in first] != [one.verdict for one in again]
    rows = [line.strip("| ").split(" | ") for line in found.blocks["both"].splitlines() if line.startswith("| P")]
    assert [row[2] for row in rows] == [one.verdict for one in first]
    assert [row[4] for row in rows] == [one.verdict for one in again]
    assert found.data["together"] == "supports"
    page = (ROOT / "docs" / "lab" / "replication.md").read_text()
    assert filled(page, found.blocks) != page


def test_without_a_first_study_next_to_it_the_committed_one_is_read(predict_folder, tmp_path):  # noqa: F811
    (tmp_path / "replication").symlink_to(predict_folder)
    found = analyse(Readings(tmp_path / "replication"), True)
    committed = verdicts(study_of(Readings(FOLDER / "predict"), fast=True))
    assert [one["numbers"] for one in found.data["verdicts_before"]] == [one.numbers for one in committed]
