"""`benchmarks/gpu.py` keeps its limits on time, loses nothing that is measured, and names the code in each row."""

import json
import subprocess
import sys

import pytest

from benchmarks import gpu, readme_table, repository

CODE = gpu.Code("commit 0123456789", "abc")


def results(monkeypatch, answers, code=CODE):
    """Replace the processes of parts: `answers` has an exit status and the figure of the first row, for each part."""
    ran = []

    def run(command, limit, log, each_line):
        part = command[3]
        ran.append(part)
        status, figure = answers[part]
        each_line('MACHINE "a machine"\n')
        if figure:
            each_line(f"ROW {json.dumps([first_row(part), 'size', figure])}\n")
        with log.open("a") as file:
            file.write("why | it ended\n")
        if isinstance(status, BaseException):
            raise status
        return status

    monkeypatch.setattr(gpu, "run", run)
    monkeypatch.setattr(gpu, "code_of_tree", lambda: code)
    return ran


def first_row(part):
    return gpu.planned(gpu.TINY)[part][0].what


def figures(out):
    """Return the first size and figure of each part in the printed table."""
    rows = {row.what: (row.size, row.figure) for row in gpu.rows_of(gpu.TINY, gpu.read_state(out, gpu.TINY))}
    return {part: rows[first_row(part)] for part in gpu.SECONDS}


@pytest.fixture
def command(tmp_path):
    """Return the arguments of a call with tiny shapes."""
    return ["--tiny", "--out", str(tmp_path / "gpu.json")]


def test_all_parts_together_end_in_eight_minutes():
    assert sum(gpu.SECONDS.values()) <= 8 * 60
    assert gpu.SECONDS.keys() == gpu.planned(gpu.FULL).keys()


def test_a_part_gets_what_is_not_kept_for_the_others():
    parts = ["large", "stock"]
    assert gpu.seconds_for(parts, 300) == 300 - gpu.SECONDS["stock"]
    assert gpu.seconds_for(parts, 200) == gpu.SECONDS["large"]
    assert gpu.seconds_for(parts, 100) == 100
    assert gpu.seconds_for(parts, gpu.LEAST_SECONDS - 1) is None
    assert gpu.seconds_for(parts, 600, patience=3) == 3 * gpu.SECONDS["large"]


def test_a_failed_part_does_not_stop_the_others_and_is_made_again(tmp_path, monkeypatch, capsys, command):
    out = tmp_path / "gpu.json"
    command = [*command, "head", "floor", "machine"]
    ran = results(monkeypatch, {"head": (1, "first"), "floor": (None, ""), "machine": (0, "fast")})
    assert gpu.main(command) == 1
    assert ran == ["head", "floor", "machine"]
    assert "floor: out of time" in capsys.readouterr().out
    found = figures(out)
    assert (found["head"][1], found["machine"][1]) == ("first", "fast")
    assert found["floor"][1].startswith("out of time after")
    assert found["large"] == ("", "not measured")
    ran = results(monkeypatch, {"head": (1, ""), "floor": (0, "1.02 | 1")})
    assert gpu.main(command) == 1
    assert ran == ["head", "floor"]
    found = figures(out)
    assert (found["head"][1], found["floor"][1]) == ("first", "1.02 / 1")
    assert "failed exit status 1: why / it ended" in "".join(gpu.table(gpu.TINY, gpu.read_state(out, gpu.TINY)))
    results(monkeypatch, {"head": (0, "second")})
    assert gpu.main(command) == 0


def test_a_row_is_saved_before_its_part_ends(tmp_path, monkeypatch, command):
    results(monkeypatch, {"large": (KeyboardInterrupt(), "1.01")})
    with pytest.raises(KeyboardInterrupt):
        gpu.main([*command, "large"])
    assert figures(tmp_path / "gpu.json")["large"][1] == "1.01"
    ran = results(monkeypatch, {"large": (0, "1.02")})
    assert gpu.main([*command, "large"]) == 0
    assert ran == ["large"]


def test_each_row_says_on_which_code_it_was_measured(tmp_path, monkeypatch, command):
    results(monkeypatch, {"head": (0, "first"), "machine": (0, "fast")})
    gpu.main([*command, "head", "machine"])
    ran = results(monkeypatch, {"head": (0, "second")}, gpu.Code("commit 1111111111 with changes", "abc"))
    gpu.main([*command, "head"])
    assert ran == []
    ran = results(monkeypatch, {"head": (0, "second")}, gpu.Code("", "def"))
    gpu.main([*command, "head"])
    found = figures(tmp_path / "gpu.json")
    assert found["head"] == ("size; package def", "second")
    assert found["machine"] == ("size; commit 0123456789, package abc", "fast")


def test_the_code_is_named_with_and_without_a_repository(tmp_path, monkeypatch):
    monkeypatch.setattr(repository, "ROOT", tmp_path)
    package = gpu.code_of_tree().package
    assert gpu.code_of_tree() == gpu.Code("", package)
    file = tmp_path / "file"
    file.write_text("first")
    someone = ["-c", "user.name=someone", "-c", "user.email=someone@example.com"]
    for arguments in (["init", "-q"], ["add", "file"], [*someone, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    head = (tmp_path / ".git" / (tmp_path / ".git" / "HEAD").read_text().split()[1]).read_text()[:10]
    assert str(gpu.code_of_tree()) == f"commit {head}, package {package}"
    file.write_text("second")
    assert gpu.code_of_tree().commit == f"commit {head} with changes"


def test_without_time_no_part_is_started(monkeypatch, capsys, command):
    ran = results(monkeypatch, {})
    assert gpu.main([*command, "--minutes", "0.1"]) == 1
    assert ran == []
    printed = capsys.readouterr()
    assert printed.out.count("no time is left") == len(gpu.SECONDS)
    assert printed.err.splitlines() == [f"{command[-1]}: nothing was measured"]


def test_a_file_without_rows_is_named(tmp_path, capsys, command):
    assert gpu.main([*command, "--rows"]) == 1
    assert capsys.readouterr().err == f"{command[-1]}: nothing was measured\n"


def test_measured_rows_replace_those_of_the_readme(tmp_path, monkeypatch):
    out, what = tmp_path / "gpu.json", gpu.planned(gpu.FULL)["machine"][0].what
    state = gpu.read_state(out, gpu.FULL)
    state["parts"]["machine"] = {"state": "measured", "error": "", "rows": {what: [f"4 GiB; {CODE}", "3 TB/s"]}}
    out.write_text(json.dumps(state))
    monkeypatch.setattr(readme_table, "README", tmp_path / "README.md")
    readme_table.README.write_text(f"{readme_table.TABLE}\n| a |\n\n| {what} |  | not measured |  |  |\n")
    assert gpu.main(["--rows", "--write", "--out", str(out)]) == 0
    row = f"| {what} | 4 GiB; commit 0123456789, package abc | 3 TB/s |  |  |"
    assert readme_table.README.read_text() == f"{readme_table.TABLE}\n| a |\n\n{row}\n"


@pytest.mark.parametrize("changed", [{"shapes": {}}, {"version": 1}])
def test_figures_of_other_shapes_or_versions_are_not_mixed(tmp_path, changed):
    out = tmp_path / "gpu.json"
    out.write_text(json.dumps(gpu.read_state(out, gpu.FULL) | changed))
    with pytest.raises(SystemExit, match="figures of other shapes"):
        gpu.main(["--rows", "--out", str(out)])


def test_the_readme_has_every_row():
    lines = readme_table.README.read_text().splitlines()
    for plan in gpu.planned(gpu.FULL).values():
        for row in plan:
            assert sum(line.startswith(f"| {row.what} |") for line in lines) == 1, row.what


@pytest.mark.end_to_end
def test_the_command_measures_a_part(tmp_path):
    out = tmp_path / "gpu.json"
    command = [sys.executable, str(gpu.ROOT / "benchmarks" / "gpu.py"), "--tiny", "--patience", "10", "--out", str(out)]
    subprocess.run([*command, "large"], cwd=tmp_path, check=True)
    rows = gpu.read_state(out, gpu.TINY)["parts"]["large"]["rows"]
    assert list(rows) == [row.what for row in gpu.planned(gpu.TINY)["large"]]
    assert all(str(gpu.code_of_tree()) in size for size, _ in rows.values())
    assert "CPU, Python" in subprocess.run([*command, "--rows"], capture_output=True, text=True, check=True).stdout
