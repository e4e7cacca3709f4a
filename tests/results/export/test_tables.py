import csv
import io
import json

import pytest

from lm_eval_hesnr.results.export.csv_rows import as_csv
from lm_eval_hesnr.results.export.latex import as_latex, escaped
from lm_eval_hesnr.results.export.markdown import as_markdown, as_summary
from lm_eval_hesnr.results.export.read_runs import read_runs
from lm_eval_hesnr.results.export.request import Request
from lm_eval_hesnr.results.text_table import in_markdown
from tests.results.export.results_files import EPSILON, MEASURES, write_results, write_sweep

STRANGE = "a|b_c%d&e\nf$#{}~^\\<i>*"


def request(*paths, **options):
    return Request(runs=read_runs(paths).runs, **options)


def test_csv_keeps_every_digit(tmp_path):
    path = write_results(tmp_path, {"he_snr": 0.1 + 0.2, "he_ppl": None})
    text = as_csv(request(path))
    assert text.count("\r\n") == text.count("\n") == 1 + 2 * len(MEASURES)
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert float(rows[0]["value"]) == 0.1 + 0.2
    assert (rows[0]["scope"], rows[0]["measure"], rows[0]["higher_is_better"]) == ("action", "he_snr", "true")
    assert (rows[1]["value"], rows[1]["low"], rows[1]["confidence"], rows[1]["higher_is_better"]) == (
        "",
        "",
        "",
        "false",
    )
    assert (rows[0]["decisions"], rows[0]["trajectories"], rows[0]["step"]) == ("2500", "28", "")


def test_csv_of_one_scope_and_one_measure(tmp_path):
    text = as_csv(request(write_results(tmp_path), scope="all", measures=("ppl",)))
    assert [line.split(",")[3:6] for line in text.splitlines()[1:]] == [["all", "ppl", "32.0"]]


def test_the_markdown_table_of_a_sweep(tmp_path):
    sweep = write_sweep(tmp_path, {"checkpoint-1": (1, 0.2), "checkpoint-2": (2, 0.3)})
    assert as_markdown(request(sweep)).splitlines() == [
        "| checkpoint | step | HE-SNR ↑ | HE-PPL ↓ | PPL ↓ |",
        "|---|---|---:|---:|---:|",
        "| checkpoint-1 | 1 | 0.2000 (0.1800 to 0.2200) | 9.9000 (8.9100 to 10.8900) | 32.0000 (28.8000 to 35.2000) |",
        "| checkpoint-2 | 2 | 0.3000 (0.2700 to 0.3300) | 9.9000 (8.9100 to 10.8900) | 32.0000 (28.8000 to 35.2000) |",
        "",
        "Scope action, 28 trajectories. In brackets: 95 % intervals, by resampling whole trajectories.",
    ]


def test_the_latex_table(tmp_path):
    lines = as_latex(request(write_results(tmp_path, {"he_ppl": None}, model="tiny_model"))).splitlines()
    assert r"checkpoint & HE-SNR $\uparrow$ & HE-PPL $\downarrow$ & PPL $\downarrow$ \\" in lines
    cells = r"$0.1000\,{\scriptstyle[0.0900,\,0.1100]}$ & N/A & $32.0000\,{\scriptstyle[28.8000,\,35.2000]}$ \\"
    assert rf"tiny\_model & {cells}" in lines


def test_names_with_signs_of_the_format(tmp_path):
    found = request(write_results(tmp_path / "a", model=STRANGE), write_results(tmp_path / "b", task="x_|y"))
    lines = as_markdown(found).splitlines()
    assert lines[2].startswith(r"| a\|b_c%d\&e\\nf$#{}\~^\\\<i\>\* | swe_hesnr |")
    assert [line.replace("\\|", "").count("|") for line in lines[:4]] == [6, 6, 6, 6]
    assert r"a\textbar{}b\_c\%d\&e\textbackslash{}nf\$\#\{\}\textasciitilde{}" in as_latex(found)
    rows = list(csv.DictReader(io.StringIO(as_csv(found), newline="")))
    assert rows[0]["checkpoint"] == STRANGE.replace("\n", "\\n")
    assert all(None not in row and None not in row.values() for row in rows)


def test_underscores_inside_words_have_no_meaning_in_markdown():
    assert in_markdown("tiny_swe_lm _x_") == r"tiny_swe_lm \_x\_"
    assert escaped("[a]") == "[a]"


def test_a_diagnostic_has_no_arrow(tmp_path):
    head = as_markdown(request(write_results(tmp_path), measures=("decisions", "topk_acc"))).splitlines()[0]
    assert head == "| checkpoint | decisions | topk_acc ↑ |"


@pytest.mark.parametrize("largest", [300, 400, 700, 1500])
def test_a_long_summary_is_cut_at_a_row(tmp_path, largest):
    sweep = write_sweep(tmp_path, {f"checkpoint-{i}": (i, 0.2) for i in range(9)})
    text = as_summary(request(sweep), largest=largest)
    kept = text.count("| checkpoint-")
    assert len(text.encode()) <= largest
    assert (f"{9 - kept} of 9 rows are left out: GitHub shows at most 1024 KiB per step." in text) is (largest < 1500)
    assert kept == 9 or len(text.encode()) + len("| checkpoint-1 | 1 |") + 90 > largest


def test_no_room_for_a_summary(tmp_path):
    assert as_summary(request(write_results(tmp_path)), largest=100) == ""


def test_a_run_without_any_interval(tmp_path):
    path = write_results(tmp_path)
    data = json.loads(path.read_text())
    data["configs"]["swe_hesnr"]["summary"]["action"]["intervals"] = {}
    path.write_text(json.dumps(data))
    text = as_markdown(request(path))
    assert "| tiny | 0.1000 | 9.9000 | 32.0000 |" in text
    assert text.endswith("Scope action, 28 trajectories.\n")
    assert "tiny & $0.1000$ & $9.9000$ & $32.0000$" in as_latex(request(path))


def with_documents(path, he_snr):
    """Add documents to a results file, one for each value, with a hundred decisions each; return the path."""
    data = json.loads(path.read_text())
    lines = [f"200 100 {100 * value}" for value in he_snr]
    data["configs"]["swe_hesnr"]["documents"] = {
        "ids": [f"run-{i}" for i in range(len(lines))],
        "sha256": [f"{i:016x}" for i in range(len(lines))],
        "columns": ["scope.tokens", "above.top_k", "above.snr"],
        "epsilon": {"action": EPSILON},
        "totals": {"action": lines},
    }
    path.write_text(json.dumps(data))
    return path


def test_a_summary_begins_with_the_verdict(tmp_path):
    values = [0.1 + 0.001 * i for i in range(8)]
    before = with_documents(write_results(tmp_path / "a", model="a_|b"), values)
    after = with_documents(write_results(tmp_path / "b", model="c"), [value + 0.02 for value in values])
    lines = as_summary(request(before, after)).splitlines()
    assert lines[2].startswith(r"- c is better than a\_\|b: he_snr")
    assert lines[3] == "- p = 0.018 is the least that 8 trajectories can give"
    assert lines[4:6] == ["", "| checkpoint | HE-SNR ↑ | HE-PPL ↓ | PPL ↓ |"]


def test_results_without_documents_have_no_verdict(tmp_path):
    text = as_summary(request(write_results(tmp_path / "a"), write_results(tmp_path / "b")))
    assert text.startswith("### HE-SNR\n\n| checkpoint |")


def test_the_calibrated_measure_is_exported_where_a_run_has_it(tmp_path):
    found = request(write_results(tmp_path / "a"), write_results(tmp_path / "b", {"calibrated_he_snr": 0.12}))
    rows = [line.split(",")[3:6] for line in as_csv(found).splitlines()]
    assert [row for row in rows if row[1] == "calibrated_he_snr"] == [["action", "calibrated_he_snr", "0.12"]]
    lines = as_markdown(Request(runs=found.runs[1:], measures=("calibrated_he_snr",))).splitlines()
    assert lines[0] == "| checkpoint | calibrated_he_snr ↑ |"
