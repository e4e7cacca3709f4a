import csv
import io
import json

import pytest

from lm_eval_hesnr.results.sweep.checkpoint import Checkpoint, step_of
from lm_eval_hesnr.results.sweep.ending import ending
from lm_eval_hesnr.results.sweep.out_folder import OutFolder
from lm_eval_hesnr.results.sweep.rows import rows_of, signal_to_noise_of, smoothed_values
from lm_eval_hesnr.results.sweep.settings import Settings
from lm_eval_hesnr.results.sweep.state import State
from lm_eval_hesnr.results.sweep.table import csv_table, headline, markdown_table, text_table, write_tables
from tests.builders import results_json

VALUES = {"checkpoint-400": 0.106, "checkpoint-100": 0.100, "checkpoint-200": 0.101, "checkpoint-300": 0.104}


@pytest.fixture
def out(tmp_path):
    """A sweep with four checkpoints that are done and one that has failed."""
    out = OutFolder(tmp_path / "OUT")
    out.begin(Settings())
    for name, value in VALUES.items():
        add(out, name, results_json(value))
    add(out, "tuned|x", None, status="failed")
    return out


def add(out, name, content, status="done"):
    out.folder(name).mkdir()
    if content is not None:
        (out.folder(name) / "results.json").write_text(json.dumps(content))
    state = State(name=name, pretrained=f"runs/{name}", step=step_of(name), status=status, results="results.json")
    state.write(out.folder(name))


def rows(out, *more):
    return rows_of(out, out.states(), more)


def test_the_table_is_in_the_order_of_the_steps_with_a_line_for_every_checkpoint(out):
    head, columns, *lines = text_table(rows(out, Checkpoint("checkpoint-500", "runs/checkpoint-500", step=500)))
    assert head == "swe_hesnr, scope action"
    assert columns.split() == ["checkpoint", "step", "he_snr", "95", "%", "interval", "he_ppl", "ppl", "decisions"]
    assert [line.split()[0] for line in lines] == [*sorted(VALUES), "checkpoint-500", "tuned|x"]
    assert lines[0].split() == [
        "checkpoint-100", "100", "0.1000", "0.0980", "to", "0.1020", "10.5000", "30.0000", "5000",
    ]  # fmt: skip
    assert lines[4].split() == ["checkpoint-500", "500", "waiting"]
    assert lines[5].split() == ["tuned|x", "failed"]


def test_the_markdown_table_has_the_same_cells(out):
    lines = markdown_table(rows(out)).splitlines()
    assert lines[2].startswith("| checkpoint | step | he_snr |")
    assert lines[3].count("---") == 7
    assert lines[4] == "| checkpoint-100 | 100 | 0.1000 | 0.0980 to 0.1020 | 10.5000 | 30.0000 | 5000 |"
    assert lines[-1] == r"| tuned\|x |  | failed |  |  |  |  |"


def test_a_name_has_no_markup_in_the_markdown_table(out):
    add(out, "<img src=x>[a](b)", results_json(0.1))
    assert any(line.startswith(r"| \<img src=x\>\[a\](b) | ") for line in markdown_table(rows(out)).splitlines())


def test_the_csv_has_every_number_exactly(out):
    add(out, "checkpoint-50", results_json(0.1 + 0.2))
    found = list(csv.DictReader(io.StringIO(csv_table(rows(out)))))
    assert float(found[0]["he_snr"]) == 0.1 + 0.2
    assert (found[0]["he_snr_stderr"], found[0]["scope"], found[0]["trajectories"]) == ("0.001", "action", "28")
    assert found[0]["bits_per_byte"] == "", "a missing number stays missing"
    assert (found[-1]["checkpoint"], found[-1]["status"], found[-1]["he_snr"]) == ("tuned|x", "failed", "")
    assert {len(line) for line in found} == {len(found[0])}


def test_a_name_with_a_comma_or_a_quote_does_not_break_the_csv(out):
    add(out, 'a,"b"', results_json(0.1))
    assert [line["checkpoint"] for line in csv.DictReader(io.StringIO(csv_table(rows(out))))][-2:] == [
        'a,"b"',
        "tuned|x",
    ]


def test_smoothing_and_noise_use_the_steps_of_each_training_run(out):
    means = smoothed_values(rows(out), "swe_hesnr", "he_snr", "action")
    assert means == {
        "checkpoint-300": pytest.approx((0.100 + 0.101 + 0.104) / 3),
        "checkpoint-400": pytest.approx((0.101 + 0.104 + 0.106) / 3),
    }
    # differences 1, 3, 2 thousandths: the noise is 1 / sqrt(2) thousandths, the range 6
    assert signal_to_noise_of(rows(out), "swe_hesnr", "he_snr", "action") == pytest.approx(6 * 2**0.5)
    assert signal_to_noise_of(rows(out), "swe_hesnr", "bits_per_byte", "action") is None


def test_a_results_file_that_is_damaged_gives_a_row_without_numbers(out):
    (out.folder("checkpoint-100") / "results.json").write_text('{"results": ')
    lines = text_table(rows(out))
    assert lines[2].split() == ["checkpoint-100", "100", "N/A"]


def test_results_of_other_tasks_alone_give_a_table_without_numbers(out):
    for name in VALUES:
        (out.folder(name) / "results.json").write_text('{"results": {"hellaswag": {"acc,none": 0.5}}, "configs": {}}')
    assert text_table(rows(out))[0] == "no results yet"
    assert next(ending(rows(out))) == "no results yet"


def test_the_end_has_the_table_the_noise_and_the_findings(out):
    (out.folder("checkpoint-400") / "results.json").write_text(json.dumps(results_json(0.106, dtype="bfloat16")))
    lines = list(ending(rows(out)))
    assert any(
        line.startswith("signal-to-noise between checkpoints (swe_hesnr, scope action): he_snr 8.5,") for line in lines
    )
    assert any(line.startswith("not-comparable: swe_hesnr, checkpoint-300 -> checkpoint-400") for line in lines)
    assert lines[-1].endswith("findings") or lines[-1] == "1 finding"


def test_the_headline_of_a_checkpoint(out):
    states = out.states()
    assert headline(out, states["checkpoint-100"]) == "he_snr 0.1000 (0.0980 to 0.1020)"
    assert headline(out, states["tuned|x"]) == ""


def test_tables_replace_no_link(out, tmp_path):
    foreign = tmp_path / "foreign"
    foreign.write_text("mine")
    (out.path / "table.csv").symlink_to(foreign)
    with pytest.raises(ValueError, match="symbolic link"):
        write_tables(out, rows(out))
    assert foreign.read_text() == "mine"
