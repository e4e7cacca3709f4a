import os
from pathlib import Path

import pytest

from lm_eval_hesnr.cli import main
from tests.results.export.results_files import write_results, write_sweep


@pytest.fixture
def sweep(tmp_path):
    return str(write_sweep(tmp_path / "sweep", {"a": (1, 0.2), "b": (2, 0.3), "c": (3, 0.1)}))


def export(capsys, *arguments):
    """Return exit status, stdout and stderr of `hesnr export`."""
    status = main(["export", *map(str, arguments)])
    return status, *capsys.readouterr()


def test_tables_go_to_stdout_or_to_a_new_file(sweep, tmp_path, capsys):
    status, out, err = export(capsys, sweep, "--to", "markdown")
    assert (status, err) == (0, "")
    assert out.count("| 9.9000") == 3
    file = tmp_path / "table.md"
    assert export(capsys, sweep, "--to", "markdown", "-o", file) == (0, f"{file}: 3 runs as markdown\n", "")
    assert file.read_text(encoding="utf-8") == out
    status, _, err = export(capsys, sweep, "--to", "markdown", "-o", file)
    assert (status, "exists already" in err) == (2, True)


def test_the_best_run_and_the_first_one(sweep, capsys):
    for options, name in (
        (["--best"], "b"),
        (["--best", "--measures", "ppl"], "a"),
        (["--baseline"], "a"),
    ):
        _, out, _ = export(capsys, sweep, "--to", "markdown", *options)
        assert [line.split()[1] for line in out.splitlines()[2:3]] == [name]
        assert out.count("\n") == 5
    status, _, err = export(capsys, sweep, "--to", "csv", "--best", "--measures", "decisions")
    assert (status, "for decisions, neither higher nor lower is better" in err) == (2, True)


def test_no_input_is_replaced_also_if_it_is_not_exported(sweep, capsys):
    """A run that is not the best one, an unreadable file, and files of a sweep."""
    files = sorted(path for path in Path(sweep).rglob("*.json"))
    assert {path.name for path in files} >= {"sweep.json", "state.json"}
    for file in files:
        before = file.read_bytes()
        for given in ([sweep], [*files, sweep]):
            status, _, err = export(capsys, *given, "--best", "--to", "csv", "-o", file, "--force")
            assert (status, "give the output another name" in err) == (2, True)
        assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--to", "markdown", "--scope", "acton"], "--scope acton: did you mean 'action'? "),
        (["--to", "csv", "--measures", "he_snr,pl"], "--measures pl: did you mean 'ppl'? the measures are he_snr, "),
        (["--to", "csv", "--measures", "he_snr,"], "--measures : the measures are he_snr, "),
        (["--to", "model-index", "--best", "--model-id", "tiny"], "--model-id tiny: expected org/name"),
        (["--to", "model-index", "--best"], "'/runs/b' may be a local model; give its name with --model-id org/name"),
        (["--to", "eval-results", "--model-id", "a/b"], "eval-results: has one model, found 3 runs"),
        (["--to", "every-eval-ever", "--model-id", "a/b"], "give the folder for data/ with -o FOLDER"),
        (["--to", "wandb", "-o", "x"], "--to wandb: sends the values to the tracker; leave out -o"),
    ],
)
def test_mistakes_are_one_line(sweep, capsys, arguments, line):
    status, out, err = export(capsys, sweep, *arguments)
    (error,) = [found for found in err.splitlines() if found.startswith("error: ")]
    assert (status, out) == (2, "")
    assert line in error


def test_a_bad_file_among_good_ones(sweep, tmp_path, capsys):
    bad = tmp_path / "results_x.json"
    bad.write_text("{")
    status, out, err = export(capsys, bad, sweep, "--to", "csv", "--scope", "all", "--measures", "ppl")
    assert (status, out.count("\n")) == (1, 4)
    assert err.startswith(f"error: {bad}: is not a results file")
    assert export(capsys, bad, "--to", "csv")[0] == 2


def test_records_are_written_below_data_and_replaced(sweep, tmp_path, capsys):
    command = [sweep, "--to", "every-eval-ever", "--model-id", "acme/tiny", "-o", tmp_path / "out"]
    for _ in range(2):
        status, out, err = export(capsys, *command)
        assert (status, out.count("\n")) == (0, 3)
        assert "warning: no --dataset-id: the trajectories are named lm_eval_hesnr/swe_hesnr" in err
        assert len(list((tmp_path / "out").glob("data/swe_hesnr/acme/tiny/*"))) == 3


def test_the_summary_of_a_github_step_is_appended(sweep, tmp_path, monkeypatch, capsys):
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    assert export(capsys, sweep, "--to", "github-summary") == (0, f"{summary}: 3 runs appended\n", "")
    assert summary.read_text(encoding="utf-8").startswith("before\n### HE-SNR\n\n| checkpoint | step |")
    os.truncate(summary, 1024 * 1024 - 50)
    export(capsys, sweep, "--to", "github-summary")
    assert summary.stat().st_size <= 1024 * 1024
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    status, _, err = export(capsys, sweep, "--to", "github-summary")
    assert (status, "is a folder" in err) == (2, True)


def test_a_lone_surrogate_in_a_name(tmp_path, capsys):
    file = tmp_path / "table.csv"
    assert export(capsys, write_results(tmp_path, model="a\ud800b"), "--to", "csv", "-o", file)[0] == 0
    assert "a\\ud800b" in file.read_text(encoding="utf-8")
