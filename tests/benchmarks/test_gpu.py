"""`benchmarks/gpu.py` keeps its limits on time, loses nothing that is measured, and always prints the whole table."""

import json
import sys
import time

import pytest

from benchmarks import gpu

ROW = json.dumps(["what", "size", "figure"])


def results(monkeypatch, answers):
    """Replace the processes of parts: `answers` has an exit status and the figure of the first row, for each part."""
    ran = []

    def run(command, limit):
        part = command[3]
        ran.append(part)
        status, figure = answers[part]
        row = gpu.planned(gpu.TINY)[part][0].what
        return (
            status,
            f'MACHINE "a machine"\nROW {json.dumps([row, "", figure])}\n' if figure else "",
            "why | it ended\n",
        )

    monkeypatch.setattr(gpu, "run", run)
    return ran


def figures(out):
    """Return the first figure of each part in the printed table."""
    cells = {row[0]: row[2] for row in gpu.rows_of(gpu.TINY, gpu.read_state(out, gpu.TINY))}
    return {part: cells[plan[0].what] for part, plan in gpu.planned(gpu.TINY).items()}


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


def test_a_failed_part_does_not_stop_the_others_and_is_made_again(tmp_path, monkeypatch, capsys):
    out = tmp_path / "gpu.json"
    command = ["--tiny", "--out", str(out), "head", "floor", "machine"]
    ran = results(monkeypatch, {"head": (1, "first"), "floor": (None, ""), "machine": (0, "fast")})
    assert gpu.main(command) == 1
    assert ran == ["head", "floor", "machine"]
    assert "floor: out of time" in capsys.readouterr().out
    found = figures(out)
    assert (found["head"], found["machine"]) == ("first", "fast")
    assert found["floor"].startswith("out of time after")
    assert found["large"] == "not measured"
    ran = results(monkeypatch, {"head": (1, ""), "floor": (0, "1.02")})
    assert gpu.main(command) == 1
    assert ran == ["head", "floor"]
    found = figures(out)
    assert (found["head"], found["floor"]) == ("first", "1.02")
    assert "failed exit status 1: why / it ended" in "".join(gpu.table(gpu.TINY, gpu.read_state(out, gpu.TINY)))


def test_without_time_no_part_is_started(tmp_path, monkeypatch, capsys):
    ran = results(monkeypatch, {})
    assert gpu.main(["--tiny", "--out", str(tmp_path / "gpu.json"), "--minutes", "0.1"]) == 0
    assert ran == []
    assert capsys.readouterr().out.count("no time is left") == len(gpu.SECONDS)


def test_figures_of_other_shapes_are_not_mixed(tmp_path):
    out = tmp_path / "gpu.json"
    gpu.save(gpu.read_state(out, gpu.TINY), out)
    with pytest.raises(SystemExit, match="figures of other shapes"):
        gpu.main(["--rows", "--out", str(out)])


def test_a_command_is_stopped_at_its_limit_and_its_rows_are_kept():
    began = time.monotonic()
    code = f"import time; print('ROW', {ROW!r}, flush=True); time.sleep(600)"
    status, printed, log = gpu.run([sys.executable, "-I", "-c", code], 3)
    assert time.monotonic() - began < 300
    found = gpu.result(status, printed, log, 3)
    assert (found["state"], found["error"]) == ("out of time", "after 3 s")
    assert found["rows"] == [("what", "size", "figure")]


def test_the_readme_has_every_row():
    lines = (gpu.ROOT / "benchmarks" / "README.md").read_text().splitlines()
    for plan in gpu.planned(gpu.FULL).values():
        for row in plan:
            assert sum(line.startswith(f"| {row.what} |") for line in lines) == 1, row.what
