"""What a longer stride costs: short and long trajectories, and a call that is stopped."""

import json
import runpy
import sys
from pathlib import Path

import pytest

from tests import builders

SCRIPT = str(Path(__file__).parents[2] / "benchmarks" / "windows.py")


def test_a_stopped_call_continues_and_short_trajectories_have_no_later_window(
    random_model, tmp_path, monkeypatch, capsys
):
    long = builders.first_turns(tmp_path / "runs.jsonl", 1)
    row = json.loads(long.read_text())
    short = row | {"id": "short", "segments": [{**one, "text": one["text"][:20]} for one in row["segments"][:3]]}
    long.write_text(json.dumps(short) + "\n" + json.dumps(row) + "\n")
    words = ["windows.py", "--out", str(tmp_path / "out"), "--trajectories", str(long), "--max_tokens", "3000"]
    words += ["--model_args", f"pretrained={random_model},max_length=256"]
    monkeypatch.setattr(sys, "argv", [*words, "--seconds", "0"])
    with pytest.raises(SystemExit, match="the same command continues"):
        runpy.run_path(SCRIPT, run_name="__main__")
    monkeypatch.setattr(sys, "argv", words)
    runpy.run_path(SCRIPT, run_name="__main__")
    lines = [json.loads(line) for line in (tmp_path / "out" / "measured.jsonl").read_text().splitlines()]
    assert sorted((one["number"], one["quarters"]) for one in lines) == [(n, q) for n in (0, 1) for q in (1, 2, 3, 4)]
    assert [one["n_context"] > 0 for one in lines] == [one["number"] == 1 for one in lines]
    assert [path.name for path in (tmp_path / "out" / "windows").glob("*-0-0.npz")] == ["any-0-0.npz"]
    monkeypatch.setattr(sys, "argv", [*words, "--only", "99", "--out", str(tmp_path / "nothing")])
    with pytest.raises(SystemExit, match="nothing to score: give longer --trajectories"):
        runpy.run_path(SCRIPT, run_name="__main__")
    monkeypatch.setattr(sys, "argv", [*words[:-1], f"pretrained={random_model},max_length=128"])
    with pytest.raises(SystemExit, match="give another --out"):
        runpy.run_path(SCRIPT, run_name="__main__")
    tables = capsys.readouterr().out
    assert "| 64 of 256 |" in tables
    assert "nan" not in tables
