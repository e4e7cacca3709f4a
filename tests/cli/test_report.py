"""`hesnr report`: what it prints, its exit status, and the mistakes of its callers."""

import json
import os
import re
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lm_eval_hesnr.cli import main
from tests.results.correlate.made_up import study, write_study
from tests.results.report.in_browser.synthetic_runs import documents, write_run


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The folders of two runs on six trajectories."""
    folder, texts = tmp_path_factory.mktemp("runs"), documents(6, 300)
    return [
        str(write_run(folder / n, texts, number=i, better=0.2 * i).parent) for i, n in enumerate(("first", "second"))
    ]


def reported(capsys, *arguments):
    """Return the exit status of `hesnr report`, and the lines that it prints to stdout and to stderr."""
    status = main(["report", *map(str, arguments)])
    printed = capsys.readouterr()
    return status, printed.out.splitlines(), printed.err.splitlines()


def test_the_first_words_of_the_page_and_its_path_are_printed(runs, tmp_path, capsys):
    out = tmp_path / "page.html"
    status, lines, notes = reported(capsys, *runs, "-o", out)
    assert (status, notes) == (0, [])
    assert lines[0].startswith("Take ")
    assert lines[-1] == str(out)
    page = out.read_text(encoding="utf-8")
    assert lines[0].partition(": ")[2] in page
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_the_default_output_is_in_the_current_folder(runs, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert reported(capsys, *runs, "--show", "0")[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_the_file_of_scores_is_never_replaced(tmp_path, capsys):
    folder = write_study(tmp_path, study("nobody can know"))
    scores = folder / "scores.csv"
    before = scores.read_bytes()
    given = folder / "results", "--scores", scores, "--show", "0", "-o", scores, "--force"
    assert reported(capsys, *given)[2][-1] == f"error: {scores}: is one of the inputs; give the output another name"
    assert scores.read_bytes() == before


def test_a_token_table_of_a_run_is_never_replaced(runs, capsys):
    """Also if only its results file is given."""
    out = sorted(Path(runs[1]).rglob("*.parquet"))[1]
    (results,) = Path(runs[1]).glob("*.json")
    before = out.read_bytes()
    for given in (runs, [runs[0], results]):
        status, _, notes = reported(capsys, *given, "--show", "0", "-o", out, "--force")
        assert (status, "is one of the files in the input" in notes[-1]) == (2, True)
    assert out.read_bytes() == before


def test_an_earlier_report_is_replaced_and_another_file_only_with_force(runs, tmp_path, capsys):
    out = tmp_path / "report.html"
    for title in ("one", "two"):
        assert reported(capsys, *runs, "-o", out, "--title", title)[0] == 0
    assert "<title>two</title>" in out.read_text()
    out.write_text("<!doctype html>\nmine")
    assert reported(capsys, *runs, "-o", out) == (
        2, [], [f"error: {out}: exists already; give another name, or --force to replace it"],
    )  # fmt: skip
    assert out.read_text() == "<!doctype html>\nmine"
    assert reported(capsys, *runs, "-o", out, "--force")[0] == 0
    assert "hesnr report" in out.read_text()


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_what_is_not_a_file_is_not_replaced(runs, tmp_path, capsys, kind):
    out = tmp_path / "report.html"
    {"link": lambda: out.symlink_to(tmp_path / "target"), "folder": out.mkdir, "pipe": lambda: os.mkfifo(out)}[kind]()
    status, lines, (error,) = reported(capsys, *runs, "-o", out, "--force")
    assert (status, lines) == (2, [])
    assert error.startswith(f"error: {out}: is a")
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ["--baseline", "secnd"],
            "--baseline should be a path, or one of first, second; found secnd; did you",
        ),
        (["--scope", "actoin"], "--scope actoin: did you mean 'action'? first has action, all"),
        (["--task", "swe"], "--task swe: the results have swe_hesnr"),
        (["--show", "run-0"], "--show run-0: did you mean 'run-00"),
        (["--show", "-1"], "--show -1: expected a number, or ids with commas"),
        (["--show", ","], "--show ,: expected a number, or ids with commas"),
        (["--max-size", "big"], "--max-size big: expected a size above 0, such as 25MB or 800kB"),
        (["--max-size", "0"], "--max-size 0: expected a size above 0"),
        (["--max-size", "20kB"], "--max-size: the page has "),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(runs, tmp_path, capsys, arguments, expected):
    if arguments[1] == "-1":
        arguments = ["--show=-1"]
    out = tmp_path / "report.html"
    status, lines, (error,) = reported(capsys, *runs, "-o", out, *arguments)
    assert (status, lines) == (2, [])
    assert error.startswith(f"error: {expected}")
    assert not out.exists()


def test_no_results_is_one_line(tmp_path, capsys):
    status, _, (error,) = reported(capsys, tmp_path, "-o", tmp_path / "report.html")
    assert (status, error) == (2, (
        f"error: {tmp_path}: no results_*.json and no token tables in it; give a folder that lm_eval --output_path or "
        "--metadata token_table=DIR wrote, or a sweep"
    ))  # fmt: skip
    status, _, (error,) = reported(capsys, tmp_path / "nothing", "-o", tmp_path / "report.html")
    assert (status, error) == (2, f"error: {tmp_path / 'nothing'}: there is no such file or folder; check the path")


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_shown(runs, tmp_path, capsys):
    bad = tmp_path / "results_bad.json"
    bad.write_text("{")
    status, lines, errors = reported(capsys, *runs, bad, "-o", tmp_path / "report.html")
    assert status == 1
    assert len(errors) == 1
    assert errors[0].startswith(f"error: {bad}: is not a results file")
    assert f"not shown: {bad}: is not a results file" in (tmp_path / "report.html").read_text()
    assert lines[-1] == str(tmp_path / "report.html")


def test_a_folder_that_cannot_be_read_is_named_and_the_others_are_shown(runs, tmp_path, capsys):
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "00000-x.parquet").write_bytes(b"PAR1")
    (tmp_path / "empty").mkdir()
    folders = [tmp_path / "damaged", tmp_path / "empty"]
    status, lines, errors = reported(capsys, *folders, *runs, "-o", tmp_path / "report.html")
    assert status == 1
    assert [error.startswith(f"error: {folder}") for error, folder in zip(errors, folders, strict=True)] == [True] * 2
    assert lines[0].startswith("Take ")


def test_an_input_is_never_the_output(runs, tmp_path, capsys):
    source = tmp_path / "results_1.json"
    shutil.copy(next(Path(runs[0]).glob("*.json")), source)
    before = source.read_bytes()
    os.link(source, tmp_path / "other name")
    for given in (source, tmp_path):
        for out in (source, tmp_path / "other name"):
            error = f"error: {out}: is one of the inputs; give the output another name"
            assert reported(capsys, given, "-o", out, "--force") == (2, [], [error])
    assert source.read_bytes() == before


def test_text_that_is_not_utf_8_is_one_note(runs, tmp_path, capsys):
    shutil.copytree(runs[0], tmp_path / "run")
    (source,) = (tmp_path / "run").glob("*.json")
    source.write_text(source.read_text().replace(runs[0], str(tmp_path / "run")))
    for path in (tmp_path / "run" / "tokens").glob("*.parquet"):
        table = pq.read_table(path)
        place = table.schema.get_field_index("text")
        ends = pa.array([0, *[1] * len(table)], pa.int32()).buffers()[1]
        text = pa.StringArray.from_buffers(len(table), ends, pa.py_buffer(b"\xff"))
        pq.write_table(table.set_column(place, table.schema.field(place), text), path)
    status, _, notes = reported(capsys, tmp_path / "run", "-o", tmp_path / "report.html", "--show", "1")
    assert status == 0
    assert notes
    assert all("column text cannot be read" in note for note in notes)


def test_trajectories_without_a_table_are_named_if_they_are_asked_for(runs, tmp_path, capsys):
    folders = []
    for folder in map(Path, runs):
        (source,) = folder.glob("*.json")
        data = json.loads(source.read_text())
        del data["configs"]["swe_hesnr"]["metadata"]
        folders.append(tmp_path / folder.name)
        folders[-1].mkdir()
        (folders[-1] / source.name).write_text(json.dumps(data))
    status, _, notes = reported(capsys, *folders, "-o", tmp_path / "report.html", "--show", "run-001")
    assert status == 0
    assert notes == ["note: no token tables: the page does not show tokens; score with --metadata token_table=DIR"]


@pytest.fixture(scope="module")
def study_with_scores(tmp_path_factory):
    """The folder of a made-up study in which he_snr predicts better."""
    return write_study(tmp_path_factory.mktemp("study"), study("better")[:24])


def test_scores_add_a_section_that_says_what_hesnr_correlate_says(study_with_scores, tmp_path, capsys):
    out, scores = tmp_path / "page.html", study_with_scores / "scores.csv"
    assert reported(capsys, study_with_scores / "results", "-o", out, "--scores", scores)[0] == 0
    page = out.read_text(encoding="utf-8")
    section = page.partition('<section id="predict"')[2].partition("</section>")[0]
    assert main(["correlate", str(scores), str(study_with_scores / "results")]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    for sentence in re.findall("<p>(Does .*?)</p>", section):
        assert sentence in printed
    assert section.count("Does he_snr,action predict the outcome better than") == 2
    assert (section.count("<svg"), section.count("<circle")) == (3, 3 * 24)
    assert '<a href="#predict">' in page
    assert "What would have to be true for this page to mislead" in section


def test_without_scores_there_is_no_such_section(runs, tmp_path, capsys):
    assert reported(capsys, *runs, "-o", tmp_path / "page.html", "--show", "0")[0] == 0
    assert "predict" not in (tmp_path / "page.html").read_text().partition("<main>")[2].partition("</main>")[0]


def test_scores_that_fit_only_some_runs_are_a_note_on_the_page(study_with_scores, tmp_path, capsys):
    out, scores = tmp_path / "page.html", tmp_path / "scores.csv"
    lines = (study_with_scores / "scores.csv").read_text().splitlines()
    scores.write_text("\n".join([*lines[:8], "<b>missing</b>,run A,1,1,2,1"]))
    status, _, notes = reported(capsys, study_with_scores / "results", "-o", out, "--scores", scores)
    assert status == 0
    assert "note: not in Does it predict?, without results: <b>missing</b>" in notes
    assert any(note.startswith("note: not in Does it predict?, without a score: ") for note in notes)
    assert "<b>missing" not in out.read_text()


def test_a_wrong_score_is_an_error_and_nothing_is_written(study_with_scores, tmp_path, capsys):
    scores = tmp_path / "scores.csv"
    scores.write_text("checkpoint,passed,tasks\nA-step1000,many,500\n")
    status, lines, (error,) = reported(
        capsys, study_with_scores / "results", "-o", tmp_path / "page.html", "--scores", scores
    )
    assert (status, lines, list(tmp_path.glob("*.html"))) == (2, [], [])
    assert error.startswith(f"error: {scores}, line 2, passed: expected a whole number")
