"""Files next to runs: read once, never too much, never from a pipe or a device."""

import json
import os
from typing import Any

import pytest

from lm_eval_hesnr.trajectories import side_files
from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.side_files import json_of
from tests.builders import write_rows

pytestmark = pytest.mark.usefixtures("ends_in_any_case")

REPORT = {"a": {"resolved": True}}
NAMES = ["report.json", "results.json", "result.json", "a.b.json", "summary.json", "x.settings.json"]


@pytest.fixture
def report(tmp_path):
    """A report that is old enough to be kept in memory."""
    path = tmp_path / "report.json"
    path.write_text(json.dumps(REPORT))
    os.utime(path, (1, 1))
    return path


@pytest.fixture
def parsed(monkeypatch):
    """The texts that were decoded."""
    texts: Any = []
    decoded = side_files.decoded
    monkeypatch.setattr(side_files, "decoded", lambda raw: texts.append(raw) or decoded(raw))
    return texts


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "link to itself"])
def test_what_is_not_a_file_is_ignored(tmp_path, name, kind):
    path = tmp_path / name
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero" if kind == "device" else path)
    assert json_of(path) is None
    chat = [{"role": "user", "content": "go"}, {"role": "assistant", "content": "done"}]
    for run in ("run.json", "chat_history.jsonl"):
        write_rows(tmp_path / run, [{"messages": chat}])
    assert len(load_trajectories(tmp_path).trajectories) == 2


@pytest.mark.parametrize("seconds", [1, 4_000_000_000])
def test_a_report_is_parsed_once_for_all_runs(report, parsed, seconds):
    """Also if its time is in the future."""
    os.utime(report, (seconds, seconds))
    assert [json_of(report) for _ in range(300)] == [REPORT] * 300
    assert len(parsed) == 1


@pytest.mark.parametrize("old", [True, False])
def test_a_changed_report_is_read_again(report, old):
    assert json_of(report) == REPORT
    report.write_text(json.dumps({"a": {"resolved": None}}))  # of the same length
    if old:
        os.utime(report, (1, 1))
    assert json_of(report) == {"a": {"resolved": None}}


def test_the_values_in_memory_are_bounded(tmp_path, report, parsed, monkeypatch):
    monkeypatch.setattr(side_files, "_values", side_files._Values())
    monkeypatch.setattr(side_files, "LARGEST", 100)
    for i in range(20):
        (tmp_path / f"{i}.json").write_bytes(report.read_bytes())
        os.utime(tmp_path / f"{i}.json", (1, 1))
    for _ in range(2):
        for i in range(20):
            json_of(tmp_path / f"{i}.json")
    assert len(parsed) == 40
    assert sum(kept.n_bytes for kept in side_files._values._kept.values()) <= 100


def test_the_newest_value_is_kept_however_large_its_file_is(tmp_path, report, parsed, monkeypatch):
    monkeypatch.setattr(side_files, "_values", side_files._Values())
    monkeypatch.setattr(side_files, "LARGEST", 10)
    small = tmp_path / "small.json"
    small.write_text("{}")
    os.utime(small, (1, 1))
    for path in (small, report, report, report):
        json_of(path, largest=1000)
    assert len(parsed) == 2
    json_of(small, largest=1000)
    assert len(parsed) == 3
    assert [path for path, _ in side_files._values._kept] == [small]


def test_a_file_over_the_limit_is_named_and_not_parsed(report, parsed, caplog):
    assert json_of(report, largest=10) is None
    assert parsed == []
    assert str(report) in caplog.text


def test_a_file_without_the_needle_is_not_parsed(report, parsed):
    assert json_of(report, needle=b"total_instances") is None
    assert parsed == []
