"""From raw readings to the study: a made-up folder of readings, as the runner of the experiment writes it."""

import json
import zlib

import numpy as np
import pytest

from lab import __main__ as command
from lab.families.plan import LOST_BUT_READ, checkpoints
from lab.predict.experiment import analyse, pieces
from lab.predict.from_readings import study_of
from lab.predict.layout import COUNTS, GROUPS, MOST_ROWS, outcome_of, reading_of, totals_of
from lab.predict.verdicts import verdicts
from lab.readings import Readings
from lm_eval_hesnr.cli import main as hesnr
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.results.documents import document_totals
from tests.lab.copies import copy_with_change
from tests.results.correlate.made_up import Checkpoint, results_with_documents

TASKS = "5" * 64


def results(name: str, he_snr: float, ppl: float, n_documents: int = 20) -> dict:
    found = results_with_documents(
        Checkpoint(name, "", 0, he_snr, ppl, 0, 1), np.random.default_rng(zlib.crc32(name.encode())), n_documents
    )
    documents = found["configs"]["swe_hesnr"]["documents"]
    for key in ("totals", "epsilon"):
        documents[key]["all"] = documents[key]["action"]
    found["results"]["swe_hesnr"]["calibrated_he_snr,action"] = 0.9 * he_snr
    found["configs"]["swe_hesnr"]["summary"]["action"]["calibration"] = {"temperatures": [1.1, 1.2]}
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The readings of the fast form: he_snr predicts the outcome, perplexity only knows the point of training.

    Next to them: the results files, and the outcomes as `hesnr correlate` reads them.
    """
    return made_up(tmp_path_factory.mktemp("readings") / "predict", checkpoints(fast=True), (0, 1))


LEVELS = {"recipe": -0.3, "code": 0.5, "sessions": 0.1, "high_lr": -0.6, "corrupted": 0.3, "larger": 0.2}


def made_up(folder, rows, seeds):
    readings = Readings(folder)
    scores = ["checkpoint,family,step,seed,passed,tasks"]
    random = np.random.default_rng(0)
    for one in rows:
        trend = np.log(one.percent / 12.5)
        ability = trend + LEVELS[one.family]
        about = {"percent": one.percent, "tokens": 1000 * one.percent, "training_sha256": one.family}
        found = results(one.name, 0.1 + 0.02 * ability, float(np.exp(4 - 0.5 * trend + random.normal(0, 0.05))))
        file = readings.folder.parent / "results" / one.name / "results_1.json"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(found))
        reading = reading_of(found)
        for data in ("micro_swe", "swe_mini", "dialect"):
            readings.add(one.name, f"reading/{data}", about, reading, {})
        for seed in seeds:
            rate = 1 / (1 + np.exp(2 - ability))
            greedy, sampled = (random.random(600) < rate).tolist(), random.binomial(4, rate, 600).tolist()
            outcome = outcome_of(TASKS, greedy, sampled, {"lr": 2e-3}, 0.5)
            readings.add(one.name, f"outcome/{seed}", about, outcome, {})
            scores.append(f"{one.name},{one.family},{one.percent},{seed},{sum(greedy)},600")
    (readings.folder.parent / "scores.csv").write_text("\n".join(scores))
    return readings.folder


def test_the_values_of_the_readings_come_back(folder):
    study = study_of(Readings(folder), fast=True)
    first = study.points.names.index("recipe-012.5")
    assert study.he_snr.values[first] == pytest.approx(0.1 - 0.02 * 0.3, rel=1e-6)
    of_file = json.loads((folder.parent / "results" / "recipe-012.5" / "results_1.json").read_text())
    assert study.ppl.values[first] == pytest.approx(of_file["results"]["swe_hesnr"]["ppl,action"], rel=1e-6)
    assert study.ppl.x[first] == pytest.approx(-np.log(study.ppl.values[first]))
    assert study.calibrated.values[first] == pytest.approx(0.9 * (0.1 - 0.02 * 0.3), rel=1e-6)
    part = json.loads((folder / "recipe-012.5.json").read_text())["parts"]["outcome/1"]["value"]
    assert study.points.scores[first].passed[1] == part["greedy"].count("1")
    assert study.points.trials.tolist() == [1200] * 24
    assert study.null.x[first] == pytest.approx(np.log(12.5))


def test_the_tests_have_the_numbers_of_hesnr_correlate(folder, tmp_path):
    arguments = ["--against", "ppl,action", "-o", str(tmp_path / "c.json")]
    assert hesnr(["correlate", *(str(folder.parent / name) for name in ("scores.csv", "results")), *arguments]) == 0
    data = json.loads((tmp_path / "c.json").read_text())
    found = {one.name: one for one in verdicts(study_of(Readings(folder), fast=True))}
    difference = next(one for one in data["differences"] if one["rival"] == "ppl,action")
    assert found["P1"].interval == pytest.approx(difference["test"]["interval"], rel=1e-4)
    assert found["P1"].numbers["r"] == pytest.approx(difference["r"])
    row = next(one for one in data["measures"] if one["measure"] == "he_snr,action")
    assert found["P3"].numbers["p_value"] == row["p_value"]
    assert found["P3"].numbers["r0"] == pytest.approx(row["r_without_step"])
    errors = {one["predictor"]: one["rmse_family"] for one in data["predictions"]}
    assert found["P5"].numbers["he_snr"] == pytest.approx(errors["he_snr,action"])
    assert found["P5"].numbers["ppl"] == pytest.approx(errors["ppl,action"])
    assert found["P6"].interval == pytest.approx(data["given"][0]["partial"]["interval"])
    assert found["P6"].numbers["control"] == pytest.approx(data["given"][0]["split_half_control"]["value"])


def test_how_passed_trials_are_counted():
    outcome = {"greedy": "1" * 400 + "0" * 200, "sampled": "2" * 300 + "0" * 300}
    sums = {name: (int(passed.sum()), len(passed) * trials) for name, (passed, trials) in
            ((name, count(outcome)) for name, count in COUNTS.items())}  # fmt: skip
    assert sums == {
        "pass@1": (400, 600), "pass@1, functions": (400, 400), "pass@1, templates": (0, 200),
        "pass@1, sampled": (600, 2400), "pass@4": (300, 600),
    }  # fmt: skip


def test_the_command_analyses_readings_without_a_model(folder, tmp_path, capsys):
    arguments = ["predict", "--fast", "--only-analysis", "--readings", str(folder.parent), "--out", str(tmp_path)]
    command.main(arguments)
    out = capsys.readouterr().out
    data = json.loads((tmp_path / "predict.json").read_text())
    assert [one["name"] for one in data["verdicts"]] == ["P1", "P2", "P3", "P4", "P5", "P6"]
    assert f"| together |  | **{data['together']}** |" in out
    assert (data["form"], data["verdict_of_the_experiment"]) == ("fast", "not made")
    assert out.count("**Fast form**: 24 checkpoints, 2 seeds.") == 6
    assert "| recipe-012.5 |" in out
    assert "| random weights (the floor; in no test) |  | 0 | not made |" in out
    assert "checkpoints of `larger` |" not in out
    assert "| `sessions` | " in out
    assert (tmp_path / "predict.svg").read_text().count("<circle") == 2 * 24 + 2 * 18 + 4
    command.main(arguments)
    assert json.loads((tmp_path / "predict.json").read_text()) == data


def test_the_plan_has_every_part_that_the_analysis_needs(folder):
    readings = Readings(folder)
    missing = {piece.name for piece in pieces(True) if readings.part(piece.name, piece.part) is None}
    assert missing == {"floor"}
    assert len(pieces(False)) == 30 * (3 + 3) + 3
    names = {"fast", "verdicts", "checkpoints", "correlations", "robustness", "after"}
    assert analyse(readings, True).blocks.keys() == names


def test_a_missing_reading_is_named(folder):
    with pytest.raises(InputError, match=r"corrupted-012\.5\.json: has no part 'reading/micro_swe'"):
        study_of(Readings(folder))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda file: file["about"].update(tokens=7), "about, tokens: expected"),
        (lambda file: file["about"].update(training_sha256="again"), "training_sha256: expected sessions"),
        (lambda file: file["about"].pop("training_sha256"), "training_sha256: expected sessions.*found None"),
        (
            lambda file: file["parts"]["outcome/0"]["value"].update(tasks_sha256="0"),
            "tasks_sha256 of an outcome differs",
        ),
        (lambda file: file["parts"]["outcome/0"]["value"].update(greedy="01"), "greedy: expected 600 digits"),
        (lambda file: file["parts"]["outcome/0"]["value"].update(settings={}), "settings of an outcome differs"),
        (lambda file: file["parts"]["reading/micro_swe"]["value"].update(documents_sha256="f" * 64), "trajectories"),
    ],
)
def test_readings_that_do_not_fit_together_are_named(folder, tmp_path, change, message):
    copy_with_change(folder, tmp_path, "sessions-050.0", change)
    with pytest.raises(InputError, match=message):
        study_of(Readings(tmp_path), fast=True)


def test_the_floor_has_a_row_and_changes_no_verdict(folder, tmp_path):
    for path in folder.glob("*.json"):
        (tmp_path / path.name).write_text(path.read_text())
    readings = Readings(tmp_path)
    for seed in (0, 1):
        value = outcome_of(TASKS, [True] * 6 + [False] * 594, [0] * 600, {"lr": 2e-3}, float("nan"))
        readings.add("floor", f"outcome/{seed}", {}, value, {})
    found = analyse(readings, True)
    assert "| random weights (the floor; in no test) |  | 0 | 12 | 1200 | 1.0% |" in found.blocks["checkpoints"]
    assert found.data["verdicts"] == analyse(Readings(folder), True).data["verdicts"]


def test_a_checkpoint_with_a_missing_measure_stays_and_the_tests_that_need_it_are_undecided(folder, tmp_path):
    def without_loss(file):
        reading = file["parts"]["reading/micro_swe"]["value"]
        columns = reading["columns"]["action"]
        place = next(i for i, name in enumerate(columns) if name.endswith("nll"))
        lines = [line.split(" ") for line in reading["totals"]["action"]]
        reading["totals"]["action"] = [" ".join([*one[:place], "nan", *one[place + 1 :]]) for one in lines]

    copy_with_change(folder, tmp_path, "sessions-050.0", without_loss)
    found = analyse(Readings(tmp_path), True)
    of = {one["name"]: one["verdict"] for one in found.data["verdicts"]}
    assert {name: of[name] for name in ("P1", "P4", "P5", "P6")} == dict.fromkeys(("P1", "P4", "P5", "P6"), "undecided")
    assert "| sessions-050.0 |" in found.blocks["checkpoints"]
    assert found.data["together"] != "supports"


def test_all_checkpoints_that_can_be_compared(tmp_path):
    folder = made_up(tmp_path / "predict", [*checkpoints(fast=False), *LOST_BUT_READ], (0, 1, 2))
    readings = Readings(folder)
    for seed in (0, 1, 2):
        value = outcome_of(TASKS, [True] * 6 + [False] * 594, [0] * 600, {"lr": 2e-3}, 0.5)
        readings.add("floor", f"outcome/{seed}", {}, value, {})
    found = analyse(readings, False)
    assert (found.data["form"], found.data["verdict_of_the_experiment"]) == ("all comparable checkpoints", "not made")
    assert found.blocks["checkpoints"].count("| 1800 |") == 30 + 1
    assert "| larger-" not in found.blocks["checkpoints"]
    assert "| random weights (the floor; in no test) |  | 0 | 18 | 1800 | 1.0% |" in found.blocks["checkpoints"]
    assert "the share of 120 ways" in found.blocks["correlations"]
    assert "| with 3 checkpoints of `larger` |" in found.blocks["robustness"]
    assert [name for name in LEVELS if f"| `{name}` | " in found.blocks["after"]] == list(LEVELS)[:5]
    assert "N/A" not in found.blocks["after"]
    fast = analyse(readings, True)
    assert found.blocks["fast"] == fast.blocks["fast"] == fast.blocks["verdicts"]
    assert found.blocks["verdicts"].startswith("**After the fact**: 30 checkpoints, 3 seeds.")

    (folder / "larger-025.0.json").unlink()
    less = analyse(Readings(folder), False)
    assert "of `larger` |" not in less.blocks["robustness"]
    assert less.data == found.data


def test_many_trajectories_are_added_into_few_rows():
    found = results("a", 0.1, 50.0, n_documents=450)
    reading = reading_of(found)
    assert reading["n_documents"] == 450
    assert [len(rows) for rows in reading["totals"].values()] == [MOST_ROWS, MOST_ROWS]
    documents = document_totals(found["configs"]["swe_hesnr"]["documents"])["action"]
    rows = totals_of(reading)["action"]
    known = np.isfinite(documents).all(axis=0)
    assert rows[3, known] == pytest.approx(documents[[3, 203, 403]].sum(axis=0)[known], rel=1e-6)
    assert rows[60, known] == pytest.approx(documents[[60, 260]].sum(axis=0)[known], rel=1e-6)


def test_an_outcome_with_a_wrong_digit_is_refused():
    assert sum(GROUPS.values()) == 600
    with pytest.raises(InputError, match="sampled: expected 600 digits"):
        outcome_of(TASKS, [True] * 600, [5] * 600, {}, 0.5)
