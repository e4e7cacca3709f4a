"""`hesnr sample`: the list, every run in every file format, and what is refused."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lm_eval_hesnr.cli import main
from lm_eval_hesnr.samples import (
    FORMAT_NAMES,
    carried,
    changed_in,
    ending_of,
    in_format,
    lost_in,
    name_of,
    sample,
    samples,
)
from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.schema import Call, Segment, Trajectory
from lm_eval_hesnr.trajectories.writers import FILE_FORMATS, as_text
from lm_eval_hesnr.trajectories.writers.swe_agent import command_line
from tests.builders import size_limit

SAMPLES = {name_of(run): run for run in samples()}
SOURCES = {"mini-swe-agent": "mini-swe-agent-1", "swe-agent": "swe-agent", "swe-smith-xml": "swe-smith"}


def has_editor(run):
    return any(call.tool == "str_replace_editor" for segment in run.segments for call in segment.calls)


def read_back(folder, file_format, run):
    """What the project's reader finds in the run's native file, with a report beside it as an evaluation writes one."""
    path = folder / f"{name_of(run)}{FILE_FORMATS[file_format].ENDING}"
    path.write_text(as_text(FILE_FORMATS[file_format], run), encoding="utf-8")
    (folder / "report.json").write_text(json.dumps({"resolved": run.resolved}))
    (found,) = load_trajectories(path, strict=True).trajectories
    return found


def calls_of(run):
    """Tool and arguments of every call but the last, by which each agent hands its work in, its own way."""
    calls = [call for segment in run.segments for call in segment.calls]
    return [(call.tool, {key: json_or_text(value) for key, value in call.arguments.items()}) for call in calls[:-1]]


def json_or_text(value):
    """Numbers of the editor are JSON in a tool call, and their text in tags."""
    return json.dumps(value) if isinstance(value, (int, list)) else value


@pytest.mark.parametrize("name", SAMPLES)
def test_a_run_in_its_own_format_reads_back_the_same(name, tmp_path):
    run = SAMPLES[name]
    found = read_back(tmp_path, run.source, run)
    assert found.segments == run.segments
    assert (found.resolved, found.model, found.source) == (run.resolved, run.model, SOURCES[run.source])


@pytest.mark.parametrize("name", SAMPLES)
def test_a_run_in_the_formats_of_other_agents_has_the_same_calls(name, tmp_path):
    run = SAMPLES[name]
    others = [
        file_format
        for file_format in FILE_FORMATS
        if file_format != run.source and not (file_format == "mini-swe-agent" and has_editor(run))
    ]
    assert len(others) == (1 if has_editor(run) else 2)
    for file_format in others:
        other = carried(run, file_format)
        (tmp_path / file_format).mkdir()
        found = read_back(tmp_path / file_format, file_format, other)
        assert (found.segments, found.resolved) == (other.segments, run.resolved)
        assert calls_of(found) == calls_of(run)
        assert calls_of(carried(other, run.source)) == calls_of(run)


def test_outputs_and_exit_codes_are_carried_over():
    run = sample("spans")
    back = carried(carried(run, "swe-agent"), "mini-swe-agent")
    assert [s.text for s in back.segments if s.kind != "thought"] == [
        s.text for s in run.segments if s.kind != "thought"
    ]
    assert back.segments[-1] == run.segments[-1]


def test_the_row_carries_the_outcome_and_the_patch():
    for name in ("linediff", "spans"):
        row = json.loads(in_format(sample(name), "swe-smith-xml").text)
        assert row["resolved"] is SAMPLES[name].resolved
        assert row["patch"] == SAMPLES[name].segments[-1].text


def test_swe_agent_types_a_call_as_a_command_line():
    edit = {"command": "str_replace", "path": "/repo/x/a.py", "old_str": "it's", "new_str": ""}
    assert command_line(Call("str_replace_editor", edit, True)) == (
        """str_replace_editor str_replace /repo/x/a.py --old_str 'it'"'"'s' --new_str ''"""
    )
    view = {"command": "view", "path": "/repo/x/a.py", "view_range": [1, 40]}
    assert command_line(Call("str_replace_editor", view, True)).endswith("view /repo/x/a.py --view_range 1 40")
    assert command_line(Call("submit", {}, True)) == "submit"


def test_what_a_format_has_no_place_for():
    instructions = (Segment("system", "s"), Segment("task", "t"))
    prose = Segment("thought", "hm", generated=True)
    action = Segment("action", "{}", generated=True, calls=(Call("submit", {}, True),))
    for file_format, segments, reason in [
        ("swe-agent", (*instructions, prose), "one text and one tool call"),
        ("swe-smith-xml", (*instructions, prose), "a reply without a call"),
        ("swe-smith-xml", (*instructions, prose, action), "several strings"),
        ("mini-swe-agent", (*instructions, prose, action), "only bash"),
        ("mini-swe-agent", (instructions[1], instructions[0], prose), "then the task"),
        ("mini-swe-agent", (*instructions, prose, instructions[1]), "segment 4: expected an answer"),
    ]:
        run = Trajectory("x", file_format, None, None, segments)
        with pytest.raises(ValueError, match=reason):
            FILE_FORMATS[file_format].write(run)


# The command


def test_the_list(capsys):
    assert main(["sample"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["name", "agent", "language", "steps", "resolved", "title"]
    assert [row.split()[0] for row in rows] == list(SAMPLES)
    (row,) = (row for row in rows if row.startswith("linediff"))
    assert row.split(maxsplit=5) == ["linediff", "mini-swe-agent", "Python", "21", "no", "diffs from git do not apply"]


@pytest.mark.parametrize("file_format", FORMAT_NAMES)
@pytest.mark.end_to_end
def test_a_run_on_stdout_in_a_format(file_format, capfdbinary):
    command = [sys.executable, "-m", "lm_eval_hesnr.cli", "sample", "spans", "--form", file_format]
    done = subprocess.run(command, capture_output=True, check=True, env={"PYTHONIOENCODING": "ascii"})
    assert done.stdout.decode("utf-8") == in_format(sample("spans"), file_format).text


def test_the_format_is_curated_by_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["sample", "swe-mini/spans", "-o", "spans.jsonl"]) == 0
    assert load_trajectories("spans.jsonl").trajectories == [SAMPLES["spans"]]


def test_a_file_that_is_there_is_kept(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.traj").write_text("mine")
    assert main(["sample", "spans", "--form", "swe-agent", "-o", "a.traj"]) == 2
    assert capsys.readouterr().err == "error: a.traj: exists already; give another name, or --force to replace it\n"
    assert (tmp_path / "a.traj").read_text() == "mine"
    assert main(["sample", "spans", "--form", "swe-agent", "-o", "a.traj", "--force"]) == 0
    assert load_trajectories("a.traj").trajectories[0].source == "swe-agent"


def test_a_file_is_written_completely_or_not_at_all(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jsonl").write_text("mine")
    with size_limit(1000):
        for name in ("a.jsonl", "b.jsonl"):
            assert main(["sample", "spans", "--force", "-o", name]) == 2
            assert capsys.readouterr().err.startswith(f"error: {name}: cannot be written to (File too large); ")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.jsonl", "mine")]


def test_a_link_is_not_written_through(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "target").write_text("mine")
    (tmp_path / "a.jsonl").symlink_to("target")
    (tmp_path / "b.jsonl").symlink_to("nowhere")
    for name in ("a.jsonl", "b.jsonl", "/dev/null"):
        kind = "a device" if name == "/dev/null" else "a symbolic link"
        assert main(["sample", "spans", "--force", "-o", name]) == 2
        assert capsys.readouterr().err == f"error: {name}: is {kind}; name a regular file, or a new one\n"
    assert (tmp_path / "target").read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()


def test_a_terminal_gets_the_size_and_how_to_write_the_file(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main(["sample", "spans", "--form", "swe-agent"]) == 2
    out, error = capsys.readouterr()
    size = len(in_format(sample("spans"), "swe-agent").text)
    assert (out, error) == (
        "",
        f"error: the file has {size:,} characters, too many for a terminal; write it with -o spans.traj, or to a pipe; "
        "hesnr show displays a run\n",
    )


@pytest.mark.end_to_end
@pytest.mark.parametrize("arguments", [["sample"], ["sample", "spans"]])
def test_a_full_disk_behind_stdout_is_one_line(arguments):
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "lm_eval_hesnr.cli", *arguments]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 2
    assert done.stderr == b"error: stdout: cannot be written to (No space left on device); write it to another disk\n"


def test_what_is_written_and_what_is_lost_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    segments = len(SAMPLES["spans"].segments)
    replaced = "the instructions of mini-swe-agent and its way to submit the patch are replaced by those of swe-agent\n"
    assert main(["sample", "spans", "-o", "a.jsonl"]) == 0
    assert capsys.readouterr() == (f"a.jsonl: spans as curated, {segments} segments\n", "")
    assert main(["sample", "spans", "--form", "swe-agent", "-o", "a.json"]) == 0
    out, error = capsys.readouterr()
    assert out == f"a.json: spans as swe-agent, {segments} segments\n"
    assert error == (
        "note: swe-agent files usually end in .traj; in a folder, this file may be skipped\n"
        f"{replaced}"
        'swe-agent files cannot contain the outcome: to keep it, write {"NAME": {"resolved": true}} into a file '
        "report.json in the same folder, where NAME is the file's name without its ending\n"
    )
    (tmp_path / "report.json").write_text('{"a": {"resolved": true}}')
    assert load_trajectories("a.json").trajectories[0].resolved is True


@pytest.mark.parametrize("name", ["argtable", "ttlcache"])
@pytest.mark.parametrize("file_format", ["swe-agent", "swe-smith-xml"])
def test_refused_replies_are_not_carried_and_not_counted(name, file_format, tmp_path, capsys):
    run, path = SAMPLES[name], tmp_path / f"a{ending_of(file_format)}"
    assert main(["sample", name, "--form", file_format, "-o", str(path)]) == 0
    out, error = capsys.readouterr()
    (found,) = load_trajectories(path, strict=True).trajectories
    assert out.endswith(f": {name} as {file_format}, {len(found.segments)} segments\n")
    refused = [i for i, segment in enumerate(run.segments) if segment.text.startswith("Nothing was executed: ")]
    in_the_row = file_format == "swe-smith-xml"  # the patch is a column of it, and not a segment
    assert len(found.segments) == len(run.segments) - 2 * len(refused) - in_the_row
    assert f"; refused replies and the notes about them are left out ({len(refused)})\n" in error


def test_nothing_is_changed_in_a_runs_own_format():
    for file_format in ("curated", "mini-swe-agent"):
        assert changed_in(SAMPLES["argtable"], file_format) is None
        assert in_format(SAMPLES["argtable"], file_format).trajectory == SAMPLES["argtable"]


@pytest.mark.parametrize("file_format", FORMAT_NAMES)
def test_what_is_said_to_be_lost_is_lost_and_nothing_else(file_format, tmp_path):
    run = SAMPLES["spans"]
    (tmp_path / f"a{ending_of(file_format)}").write_text(in_format(run, file_format).text)
    (found,) = load_trajectories(tmp_path, strict=True).trajectories
    assert (found.resolved is None) == (lost_in(run, file_format) is not None)
    assert (found.id == run.id) == (file_format != "swe-agent")
    (tmp_path / "report.json").write_text(json.dumps({found.id: {"resolved": run.resolved}}))
    (found,) = load_trajectories(tmp_path, strict=True).trajectories
    assert found.resolved == run.resolved


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nope"], "error: no sample 'nope'; the names are argtable, "),
        (["linedif"], "error: no sample 'linedif'; did you mean 'linediff'? the names are argtable, "),
        (["spans", "-o", "."], "error: .: is a folder; name a file in it, such as spans.jsonl\n"),
        (
            ["gridfit", "--form", "mini-swe-agent"],
            "the run calls str_replace_editor, but mini-swe-agent has only bash; it can",
        ),
        (["gridfit", "--form", "mini-swe-agent"], "it can be curated, swe-agent, swe-smith-xml\n"),
        (["--form", "swe-agent"], "error: --form and -o need the NAME of a run"),
        (
            ["spans", "-o", "missing/a.traj"],
            "error: missing/a.traj: the folder missing does not exist; create it, or name another\n",
        ),
    ],
)
def test_mistakes_are_one_line(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["sample", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
