"""The command `python -m lab`: plan, resumable work, analysis, page."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.repository import ROOT
from lab import __main__ as command
from lab.experiment import Analysis, Experiment, Made, Piece
from lab.experiments import EXPERIMENTS, experiment
from lab.page import filled, table, with_interval
from lab.picture import Panel, Point, picture
from lab.readings import Readings
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.metrics.bootstrap import Difference, Interval


class Counting:
    """An experiment of three pieces. The second one is killed the first time."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.killed = False

    def experiment(self) -> Experiment:
        return Experiment(question="?", pieces=self.pieces, analyse=self.analyse)

    def pieces(self, fast):
        return [Piece(name=name, part="x", make=self.maker(name)) for name in ("a", "b", "c")[: 2 if fast else 3]]

    def maker(self, name):
        def make(folder: Path) -> Made:
            assert folder.is_dir()
            if name == "b" and not self.killed:
                self.killed = True
                raise KeyboardInterrupt
            self.made.append(name)
            return Made({"model": name}, len(name))

        return make

    def analyse(self, readings, fast):
        return Analysis(blocks={"all": " ".join(readings.names())}, data={"n": len(readings.names())}, picture="<svg/>")


@pytest.fixture
def run(tmp_path, monkeypatch):
    counting = Counting()
    monkeypatch.setattr(command, "experiment", lambda name: counting.experiment())

    def _run(*arguments: str) -> Counting:
        command.main(["made-up", "--out", str(tmp_path / "out"), "--readings", str(tmp_path / "r"), *arguments])
        return counting

    return _run


def test_the_same_command_continues_after_a_stop_and_makes_no_reading_twice(run, tmp_path, capsys):
    with pytest.raises(KeyboardInterrupt):
        run()
    assert run().made == ["a", "b", "c"]
    assert run().made == ["a", "b", "c"]
    printed = capsys.readouterr().out
    assert re.match(r"1/3 a x\n    \d+ s\n", printed)  # the commit is read after each piece: that can take seconds
    assert printed.endswith(f"## all\n\na b c\n\nwritten: {tmp_path / 'out' / 'made-up'}.md, .json and .svg\n")
    assert json.loads((tmp_path / "out" / "made-up.json").read_text()) == {"n": 3}
    assert (tmp_path / "out" / "made-up.md").read_text() == "a b c\n"
    assert json.loads((tmp_path / "r" / "made-up" / "a.json").read_text())["parts"]["x"]["made"]["commit"]


def test_the_fast_form_and_some_pieces(run, tmp_path, capsys):
    assert run("--pieces", "a").made == ["a"]
    assert capsys.readouterr().out.splitlines()[-1].startswith("2 pieces of work are left, so there is no table yet")
    assert not (tmp_path / "out" / "made-up.md").exists()
    with pytest.raises(KeyboardInterrupt):
        run("--fast")
    assert run("--fast").made == ["a", "b"]


def test_a_page_of_the_complete_form_is_not_replaced_by_the_fast_form(run, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "ROOT", tmp_path)
    page = tmp_path / "docs" / "lab" / "made-up.md"
    page.parent.mkdir(parents=True)
    page.write_text("# All\n<!-- block all -->\n<!-- end -->\n")
    with pytest.raises(KeyboardInterrupt):
        run("--fast", "--docs")
    run("--fast", "--docs")
    assert page.read_text() == "# All\n<!-- block all -->\na b\n<!-- end -->\n"
    run("--docs")
    assert page.read_text() == "# All\n<!-- block all -->\na b c\n<!-- end -->\n"
    with pytest.raises(InputError, match=r"made-up\.md shows the other form, .* leave out --fast"):
        run("--fast", "--docs")
    run("--fast")
    assert page.read_text() == "# All\n<!-- block all -->\na b c\n<!-- end -->\n"
    assert (tmp_path / "out" / "made-up.md").read_text() == "a b c\n"


def test_nothing_is_made_for_an_analysis_alone_or_a_list(run, capsys):
    assert run("--only-analysis").made == []
    for other in ([], ["--only-analysis"]):
        assert run("--list", *other).made == []
        assert capsys.readouterr().out.splitlines()[-4:] == ["3 pieces of work are missing", "a x", "b x", "c x"]


def test_a_word_that_no_piece_has_is_named(run):
    with pytest.raises(InputError, match="--pieces typo: no piece of work has this word"):
        run("--pieces", "typo")


def test_an_analysis_without_its_readings_says_how_many_are_missing(tmp_path):
    with pytest.raises(InputError, match=r"predict --fast: 12\d of 12\d readings are missing.* First: recipe-012"):
        command.main(["predict", "--fast", "--only-analysis", "--out", str(tmp_path), "--readings", str(tmp_path)])


def test_a_form_that_is_complete_is_named_if_the_larger_one_is_not(tmp_path):
    with pytest.raises(InputError, match=r"threshold: 6 of 30 readings are missing, .* but all of --fast are there"):
        command.main(["threshold", "--only-analysis", "--out", str(tmp_path)])


def test_a_reader_that_stops_early_is_no_error(tmp_path):
    lab = f"'{sys.executable}' -m lab shift --only-analysis --out '{tmp_path}' | head -n 1"
    found = subprocess.run(lab, shell=True, cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.startswith("## ")
    assert found.stderr == ""


def test_a_file_in_the_place_of_the_readings_is_named(tmp_path):
    (tmp_path / "README.md").write_text("")
    with pytest.raises(InputError, match=r"README\.md.*expected a folder of readings"):
        command.main(["theory", "--out", str(tmp_path), "--readings", str(tmp_path / "README.md"), "--list"])


def test_a_reading_that_no_code_makes_is_named(tmp_path):
    with pytest.raises(InputError, match="1 readings are missing, such as a x, and no code"):
        command.work([Piece(name="a", part="x", make=None)], Readings(tmp_path), tmp_path)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_of_the_list_has_a_plan(name):
    whole, fast = ([(piece.name, piece.part) for piece in experiment(name).pieces(fast)] for fast in (False, True))
    assert len(set(whole)) == len(whole) > 0
    assert set(fast) <= set(whole)


def test_an_unknown_experiment_is_named():
    with pytest.raises(InputError, match=r"python -m lab\.micro_swe"):
        experiment("micro_swe")
    with pytest.raises(InputError, match="predct: no such experiment; did you mean 'predict'"):
        experiment("predct")


def test_only_the_blocks_of_a_page_change():
    page = "A\n<!-- block x -->\nold\n<!-- end -->\nB\n"
    assert filled(page, {"x": "new\n"}) == "A\n<!-- block x -->\nnew\n<!-- end -->\nB\n"
    assert filled(filled(page, {"x": "1"}), {"x": "2"}) == filled(page, {"x": "2"})
    with pytest.raises(InputError, match="has the blocks x; expected x, y"):
        filled(page, {"x": "", "y": ""})


def test_a_table():
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | ---: |\n| 1 | 2 |"


def test_a_picture_has_every_point_once_and_its_error_bars():
    panel = Panel(title="<t>", x_label="x", y_label="y", series={"s": [Point(1, 2, 0.5), Point(3, 4, 0, 1, "n&m")]})
    text = picture("title", [panel, panel])
    assert text.count("<circle") == 4
    assert "&lt;t&gt;" in text
    assert "n&amp;m" in text
    assert "nan" not in text


def test_a_bar_can_be_longer_on_one_side():
    panel = Panel(title="t", x_label="x", y_label="y", series={"a": [Point(0, 0, y_ends=(-1, 3)), Point(1, 1)]})
    (line,) = [one for one in picture("title", [panel]).splitlines() if one.startswith("<line") and "#eee" not in one]
    x1, y1, x2, y2 = (float(one) for one in re.findall(r'\b[xy][12]="([\d.]+)"', line))
    (circle, _) = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', picture("title", [panel]))
    assert x1 == x2 == float(circle[0])
    assert y1 - float(circle[1]) == pytest.approx((float(circle[1]) - y2) / 3, abs=0.2)


def test_a_value_has_its_interval_in_the_units_of_the_table():
    found = Difference(0.0123, Interval(-0.01, 0.03), None)
    assert with_interval(found) == "+0.012 (-0.010 to +0.030)"
    assert with_interval(found, "+.1f", scale=100, unit=" %") == "+1.2 % (-1.0 to +3.0)"
    assert with_interval(Difference(0.5, None, None), ".2f") == "0.50"
    assert with_interval(None) == "N/A"
