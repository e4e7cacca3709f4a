import json
import os
import pty
import subprocess
import sys

import pytest

from lm_eval_hesnr.cli import main
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.scoring.token_table import write_token_table
from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.readers import READERS, known_formats
from tests.builders import bash_action, curated_row, token_scores


def row(id_, resolved=None, text="ls"):
    return curated_row(id_, bash_action(text), resolved=resolved)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two trajectories in one file and the report of a run; the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    rows = [row("a", True), row("b\x1b[2J", text="pwd")]
    (tmp_path / "in" / "runs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in rows))
    (tmp_path / "in" / "report.json").write_text('{"resolved": true, "patch_exists": true}')
    (tmp_path / "in" / "notes.md").write_text("# notes")
    return tmp_path


def test_curate_prints_what_it_found(folder, capsys):
    assert main(["curate", "in", "-o", "o.jsonl"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "format  files  read  resolved  unresolved  unknown  written  steps",
        "test        1     2         1           0        1        2      2",
        "all         1     2         1           0        1        2      2",
        "",
        "characters written, by label",
        "format  code  markup  comment  whitespace  decoration  thought  observation  system  task  other",
        "test       5       0        0           0           0        0            0       0     0      0",
        "all        5       0        0           0           0        0            0       0     0      0",
        "",
        "files: 3; 1 with trajectories, 0 with only bad ones, 2 skipped",
        "skipped: report (1): report.json",
        "skipped: unknown file ending (1): notes.md",
        "bad: 0",
        "o.jsonl: 2 trajectories",
    ]


def test_each_file_without_a_trajectory_has_its_reason(folder, capsys):
    prediction = {"model_name_or_path": "m", "model_patch": "diff"}
    whole = {"schema_version": "ATIF-v1.6", "session_id": "s", "agent": {"name": "a", "version": "1"}}
    step = {"step_id": 1, "source": "agent", "message": "b"}
    for name, value in {
        "other/report.json": {"resolved": False, "patch_exists": True},
        "results.json": {"resolved": ["a"], "generated": ["a"]},
        "other/results.json": {"cached": 3},
        "preds.json": {"a": prediction, "b": prediction},
        "config.json": {"model": "m"},
        "run.json": whole | {"steps": [step], "continued_trajectory_ref": "run.cont-1.json"},
        "run.cont-1.json": whole | {"steps": [step]},
    }.items():
        (folder / "in" / name).parent.mkdir(exist_ok=True)
        (folder / "in" / name).write_text(json.dumps(value))
    expected = [
        "files: 10; 2 with trajectories, 1 with only bad ones, 7 skipped",
        "skipped: notes of an agent or a harness (1): config.json",
        "skipped: report (3): report.json (2), results.json",
        "skipped: predictions, which are read only if the file is named by itself (1): preds.json",
        "skipped: part of a run that another file contains completely (1): run.cont-1.json",
        "skipped: unknown file ending (1): notes.md",
        "bad: 1",
    ]
    assert main(["curate", "in", "-o", "o.jsonl"]) == 1
    out = capsys.readouterr().out
    assert [line for line in out.splitlines() if line.startswith(("files:", "skipped:", "bad:"))] == expected
    assert "\nin/other/results.json: no known trajectory format (an object with keys 'cached')" in out
    assert main(["curate", "in", "-o", "p.jsonl", "-v"]) == 1
    assert "in/run.cont-1.json (part of in/run.json, which contains the complete run)" in capsys.readouterr().out


def test_files_of_bad_events_have_only_bad_trajectories(folder, capsys):
    for number, text in enumerate(['{"kind": "MessageEvent", "source": "us', "{", "{"]):
        (folder / "in" / f"event-{number}.json").write_text(text)
    assert main(["curate", "in", "-o", "o.jsonl"]) == 1
    assert "files: 6; 1 with trajectories, 3 with only bad ones, 2 skipped" in capsys.readouterr().out


def test_the_files_of_a_folder_of_events_are_accounted_for(real_trajectories, tmp_path, capsys):
    events = (real_trajectories / "openhands" / "sdk_events.jsonl").read_text().splitlines()
    for number, event in enumerate(events):
        path = tmp_path / "in" / "events" / f"event-{number:05}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(event)
    assert main(["curate", str(tmp_path / "in"), "-o", str(tmp_path / "o.jsonl")]) == 0
    out = capsys.readouterr().out
    assert f"files: {len(events)}; {len(events)} with trajectories, 0 with only bad ones, 0 skipped" in out


def test_a_bad_input_is_named_and_the_good_ones_are_kept(folder, capsys):
    (folder / "in" / "cut\x1b[2J.json").write_text('{"a": "b')
    assert main(["curate", "in", "-o", "o.jsonl"]) == 1
    out = capsys.readouterr().out
    assert "in/cut [2J.json, line 1: not valid JSON (Unterminated string" in out
    assert "files: 4; 1 with trajectories, 1 with only bad ones, 2 skipped" in out
    assert "\x1b" not in out
    assert len(load_trajectories("o.jsonl").trajectories) == 2
    assert main(["curate", "in", "-o", "p.jsonl", "--strict"]) == 1
    assert "(--strict: any bad file stops the command)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["curate", "in"], "required: -o/--out"),
        (["curate", "nowhere", "-o", "o.jsonl"], "error: nowhere: no such file, folder or glob"),
        (["curate", "in", "-o", "o.txt"], "error: o.txt: the output should end in .jsonl or .jsonl.zst"),
        (["curate", "in", "-o", "o.jsonl", "--max-tokens", "9"], "error: --max-tokens and --tokenizer go together"),
        (["curate", "in", "-o", "o.jsonl", "-j", "0"], "expected a whole number of at least 1, found '0'"),
        (["curate", "in", "-o", "o.jsonl", "-j", "9" * 20], f"expected at most 1000 processes, found {'9' * 20}"),
        (
            ["curate", "in", "-o", "o.jsonl", "--source", "x"],
            "has the format --source 'x'; the inputs have test",
        ),
        (
            ["curate", "in", "-o", "o.jsonl", "--source", "tst"],
            "'tst'; did you mean 'test'? the inputs have test",
        ),
        (
            ["curate", "in", "-o", "in/notes.md/o.jsonl"],
            "error: in/notes.md/o.jsonl: cannot be written to (Not a directory); fix",
        ),
        (
            ["curate", "in", "-o", "/proc/x.jsonl"],
            "error: /proc/x.jsonl.part.log: cannot be written to (No such file or directory); fix",
        ),
        (["show", "nowhere"], "error: nowhere: no such file, folder or glob; check the path\n"),
        (["measure", "in", "--epsilon", "nan"], "error: --epsilon should be a positive number of nats, found nan"),
        (["measure", "in", "--scopes", "actions"], "error: --scopes should be a list of names out of"),
        (["show", "in", "--doc", "zzz"], "error: in: no trajectory 'zzz'; there are 2, such as 'a'"),
        (["show", "in", "--labels", "code,comments"], "unknown label 'comments'; known labels: code, markup"),
        ([], "required: COMMAND"),
    ],
)
def test_wrong_usage(folder, capsys, arguments, message):
    assert main(arguments) == 2
    assert message in capsys.readouterr().err
    assert not (folder / "o.jsonl").exists()


def test_one_misspelt_format_of_several_is_noted(folder, capsys):
    assert main(["curate", "in", "-o", "o.jsonl", "--source", "test", "--source", "tset"]) == 0
    assert capsys.readouterr().err == (
        "note: no trajectory has the format --source 'tset'; did you mean 'test'? the inputs have test\n"
    )


def test_filters_that_leave_nothing_are_one_line(folder, capsys):
    (folder / "in" / "runs.jsonl").write_text(json.dumps(row("a", False)))
    assert main(["curate", "in", "-o", "o.jsonl", "--known-resolved"]) == 2
    reason = "the filters leave out every trajectory (1 read); use fewer filters"
    assert capsys.readouterr().err == f"error: o.jsonl: nothing to write; {reason}\n"


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [(["mesure"], "measure"), (["export", "a", "--to", "markdwn"], "markdown"), (["xyzzy"], None)],
)
def test_a_wrong_command_or_choice_has_the_near_name(capsys, arguments, meant):
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert "invalid choice" in error
    assert error.endswith(f"; did you mean '{meant}'?\n" if meant else ")\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["measure", "a", "--decompos"], "unrecognized arguments: --decompos; did you mean '--decompose'?"),
        (["measure", "a", "--epsilo=1"], "unrecognized arguments: --epsilo=1; did you mean '--epsilon'?"),
        (["diagnose", "a", "--jsn"], "unrecognized arguments: --jsn; did you mean '--json'?"),
        (["export", "a", "--too", "csv"], "the following arguments are required: --to; did you mean '--to'?"),
        (["curate", "in", "-o", "o.jsonl", "--xyzzy"], "unrecognized arguments: --xyzzy"),
    ],
)
def test_an_option_is_a_whole_name_and_a_wrong_one_has_the_usage_and_a_near_name(capsys, arguments, message):
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"usage: hesnr {arguments[0]} ")
    assert error.endswith(f"error: {message}\n")


@pytest.mark.parametrize("option", ["--known-resolved", "--only-resolved"])
def test_runs_known_to_be_resolved_are_kept_under_the_new_and_the_old_name(folder, option):
    assert main(["curate", "in", "-o", "o.jsonl", option]) == 0
    assert [trajectory.id for trajectory in load_trajectories("o.jsonl").trajectories] == ["a"]


def test_the_old_name_of_an_option_is_not_in_the_help(capsys):
    assert main(["curate", "--help"]) == 0
    out = capsys.readouterr().out
    assert "--known-resolved" in out
    assert "--only-resolved" not in out


def test_files_of_unknown_formats_are_one_line_each_and_the_known_formats_are_listed_once(folder, capsys):
    for name in "xy":
        (folder / "in" / f"{name}.jsonl").write_text('{"a": 1}\n' * 149)
    assert main(["curate", "in", "-o", "o.jsonl"]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[-5:] == [
        "bad: 2",
        *(f"in/{name}.jsonl: 149 lines, none of a known format; keys seen: a" for name in "xy"),
        known_formats(),
        "o.jsonl: 2 trajectories",
    ]
    assert main(["curate", "in", "-o", "p.jsonl", "--strict"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: in/x.jsonl: 149 lines, none of a known format; keys seen: a; known formats: ")
    assert err.count("\n") == err.count("known formats: ") == 1


def test_a_broken_file_lists_no_formats(folder, capsys):
    (folder / "in" / "cut.json").write_text('{"a')
    assert main(["curate", "in", "-o", "o.jsonl"]) == 1
    assert "known formats" not in capsys.readouterr().out


def test_unknown_records_inside_sessions_are_one_line_over_all_files(folder, capsys):
    lines = [
        {"type": role, "sessionId": "s", "message": {"role": role, "content": "hi"}} for role in ("user", "assistant")
    ]
    for name in "xy":
        session = [*lines, {"type": "new\x1b"}, {"type": "new\x1b"}, {"type": "other"}, 3]
        (folder / "in" / f"{name}.jsonl").write_text("\n".join(map(json.dumps, session)))
    expected = "unknown records inside sessions: 4 of type new , 2 without a type, 2 of type other"
    assert main(["curate", "in", "-o", "o.jsonl"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert [line for line in out if line.startswith("unknown")] == [expected]
    assert main(["curate", "o.jsonl", "-o", "p.jsonl"]) == 0  # the counts are in the output's meta
    assert expected in capsys.readouterr().out.splitlines()


def tables(folder, k):
    """One token table of two tokens with k candidates."""
    write_token_table(folder, 0, "run", token_scores(2, first_scored=0, k=k))


def test_epsilon_must_be_below_ln_k_of_the_tables(folder, capsys):
    tables(folder / "four", 4)
    tables(folder / "twenty", 20)
    assert main(["measure", "four", "--epsilon", "2"]) == 2
    expected = "error: four: --epsilon should be below ln k = 1.3863 nats (k = 4), found 2\n"
    assert capsys.readouterr().err == expected
    assert main(["measure", "twenty", "--epsilon", "2.5"]) == 0
    assert "epsilon: action 2.500000, all 2.500000" in capsys.readouterr().out


def results(path, **he_snr):
    """A results JSON with a task of ours for each he_snr."""
    config = {"signature": {"model": "m", "k": 10}, "summary": {"action": {"documents": 9, "intervals": {}}}}
    data = {"results": {}, "configs": dict.fromkeys(he_snr, config)}
    for task, value in he_snr.items():
        data["results"][task] = {"he_snr,action": value, "ppl,action": value * 9}
    path.write_text(json.dumps(data))
    return data


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("folder", "no results_*.json in this folder; give the folder of --output_path"),
        ("table.parquet", "is not text; give results_*.json"),
    ],
)
def test_a_file_that_is_not_results_is_one_line(folder, capsys, name, line):
    (folder / "folder").mkdir()
    (folder / "table.parquet").write_bytes(b"PAR1\xb5\xff")
    assert main(["diagnose", name]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"error: {name}: {line}")
    assert err.count("\n") == 1


def test_runs_are_compared_with_runs_of_the_same_task(folder, capsys):
    results(folder / "1.json", one=0.3, two=0.9)
    results(folder / "2.json", one=0.4, two=0.8)
    assert main(["diagnose", "1.json", "2.json"]) == 0
    found = [line.split(":")[1].strip() for line in capsys.readouterr().out.splitlines() if line.startswith("opposite")]
    assert found == ["one, 1.json -> 2.json", "two, 1.json -> 2.json"]


@pytest.mark.parametrize(
    ("path", "missing"),
    [
        (("configs", "t", "summary", "action", "intervals"), "intervals"),
        (("configs", "t", "summary", "action", "documents"), "documents"),
        (("results",), "results"),
        (("results", "t"), "results"),
        (("configs",), "no swe_hesnr results"),
    ],
)
@pytest.mark.parametrize("instead", [None, [], 3])
def test_results_that_lack_a_key_are_named_in_one_line(folder, capsys, path, missing, instead):
    data = results(folder / "r.json", t=0.3)
    data["results"]["t"]["decisions,action"] = 5
    *parents, key = path
    inner = data
    for parent in parents:
        inner = inner[parent]
    if instead is None:
        del inner[key]
    else:
        inner[key] = instead
    (folder / "r.json").write_text(json.dumps(data))
    status = main(["diagnose", "r.json"])
    err = capsys.readouterr().err
    if key == "documents" and instead == 3:
        assert status == 0
        return
    assert (status, err.count("\n")) == (2, 1)
    assert err.startswith("error: r.json: ")
    assert instead is not None or missing in err


def test_only_bad_inputs(folder, capsys):
    (folder / "bad.json").write_text("{")
    reason = "bad.json, line 1: not valid JSON (Expecting property name enclosed in double quotes, column 2)"
    assert main(["curate", "bad.json", "-o", "o.jsonl"]) == 1
    captured = capsys.readouterr()
    assert captured.err == "error: o.jsonl: nothing to write; no trajectory could be read\n"
    assert captured.out.splitlines()[0] == "files: 1; 0 with trajectories, 1 with only bad ones, 0 skipped"
    assert captured.out.splitlines()[1:2] == ["bad: 1"]
    assert captured.out.splitlines()[2].startswith(reason[:40])
    assert main(["show", "bad.json"]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first == "error: bad.json: no trajectory could be read"
    assert second.startswith(f"bad: {reason[:40]}")


def test_show_prints_the_error_first_and_few_of_many_reasons(folder, capsys):
    for i in range(9):
        (folder / f"{i}.json").write_text('{"a": 1}')
    assert main(["show", *(f"{i}.json" for i in range(9))]) == 1
    captured = capsys.readouterr()
    error, *bad, more, formats = captured.err.splitlines()
    assert captured.out == ""
    assert error == "error: 0.json and 8 more: no trajectory could be read"
    assert len(bad) == 5
    assert more == "bad: 4 more; `hesnr curate` names all of them"
    assert formats == known_formats()
    assert len(formats) < 250


def test_the_help_names_all_formats(capsys):
    assert main(["curate", "--help"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert all(reader.FORMAT.split("(")[0].strip() in out for reader in READERS)


def test_show_accepts_the_files_of_a_shell_s_glob(folder, capsys):
    (folder / "more.jsonl").write_text(json.dumps(row("c")))
    assert main(["show", "in/runs.jsonl", "more.jsonl", "--doc", "c"]) == 0
    assert capsys.readouterr().out.startswith("c (test, outcome unknown)")


def test_a_misspelt_format_prints_no_tables(folder, capsys):
    assert main(["curate", "in", "-o", "o.jsonl", "--source", "tes"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "did you mean 'test'?" in captured.err


LONG = "a" * 300
ODD_PATHS = [("~no-such-user/x", "no such home folder"), (LONG, "cannot be used as a path (File name too long)")]


@pytest.mark.parametrize(("path", "reason"), ODD_PATHS)
@pytest.mark.parametrize(
    "command", [["show", "PATH"], ["curate", "PATH", "-o", "o.jsonl"], ["curate", "in", "-o", "PATH"]]
)
def test_a_path_that_cannot_exist_is_one_line(folder, capsys, command, path, reason):
    assert main([path if word == "PATH" else word for word in command]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"error: {path[:200]}")
    assert reason in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("path", ["a\0b", "~\0"])
def test_a_path_with_a_nul_is_one_line(path):
    with pytest.raises(InputError, match="cannot be used as a path"):
        load_trajectories(path)


def test_a_file_name_that_is_not_utf_8_is_read_and_printed(folder, capsys):
    (folder / "in" / "caf\udce9.json").write_text(json.dumps({"messages": [{"role": "assistant", "content": "hi"}]}))
    (folder / "in" / "bad\udce9.json").write_text("{")
    assert main(["curate", "in", "-o", "o\udce9.jsonl", "-v"]) == 1
    out = capsys.readouterr().out
    assert "bad\\udce9.json" in out or "in/bad .json" in out
    assert "o\\udce9.jsonl: 3 trajectories" in out


def test_show_lists_the_trajectories_and_shows_the_first(folder, capsys):
    assert main(["show", "in"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "2 trajectories; this is the first, --doc shows another",
        "    1  a  1 segments, 1 steps",
        "    2  b\\x1b[2J  1 segments, 1 steps",
        "",
        "a (test, resolved)",
        "",
        "== 1 action, bash, executed: yes == code 2",
        "ls",
    ]


@pytest.mark.parametrize("doc", ["2", "b\x1b[2J"])
def test_show_one_by_id_or_number(folder, capsys, doc):
    assert main(["show", "in/runs.jsonl", "--doc", doc, "--plain"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "b\\x1b[2J (test, outcome unknown)"


def on_a_terminal(*arguments, **environment):
    """What the command writes to a terminal, through the pager `cat` where it pages."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "lm_eval_hesnr.cli", *arguments],
        stdin=slave,
        stdout=slave,
        env={**os.environ, "TERM": "xterm", "PAGER": "cat", "LINES": "5", "COLUMNS": "80", **environment},
    )
    os.close(slave)
    out = b""
    try:
        while piece := os.read(master, 4096):
            out += piece
    except OSError:  # Linux's way to say that the other end is closed
        pass
    os.close(master)
    return process.wait(), out.decode()


@pytest.mark.end_to_end
def test_colours_on_a_terminal_only(folder):
    status, out = on_a_terminal("show", "in", "--doc", "a")
    assert status == 0
    assert "\x1b[32mls\x1b[0m" in out
    for plain in (on_a_terminal("show", "in", "--plain"), on_a_terminal("show", "in", NO_COLOR="1")):
        assert "\x1b" not in plain[1]
        assert "a (test, resolved)" in plain[1]


@pytest.mark.end_to_end
def test_a_closed_pipe_is_not_an_error(folder):
    (folder / "long.jsonl").write_text(json.dumps(row("a", text="ls\n" * 100_000)))
    command = [sys.executable, "-m", "lm_eval_hesnr.cli", "show", "long.jsonl"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None  # noqa: PT018
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


@pytest.mark.end_to_end
def test_the_real_files(real_trajectories, tmp_path, capsys):
    """Each file is read, named as bad, or named as skipped."""
    assert main(["curate", str(real_trajectories), "-o", str(tmp_path / "1.jsonl"), "-v"]) == 1
    first = capsys.readouterr().out
    names = [path.name for path in real_trajectories.rglob("*") if path.is_file()]
    assert f"files: {len(names)}; " in first
    loaded = load_trajectories(real_trajectories)
    assert first.splitlines()[-1] == f"{tmp_path / '1.jsonl'}: {len(loaded.trajectories)} trajectories"
    reported = first.split("bad: ")[1].splitlines()[1:-1]
    assert reported == loaded.bad + [known_formats()] * loaded.has_unknown_format
    assert load_trajectories(tmp_path / "1.jsonl").trajectories == loaded.trajectories
    characters = next(line for line in first.split("by label")[1].splitlines() if line.startswith("all"))
    n_characters = sum(len(segment.text) for trajectory in loaded.trajectories for segment in trajectory.segments)
    assert sum(int(cell.replace(",", "")) for cell in characters.split()[1:]) == n_characters
    assert main(["curate", str(real_trajectories), "-o", str(tmp_path / "2.jsonl"), "-v", "-j", "2"]) == 1
    own_line = f"{tmp_path / '1.jsonl'}: "
    assert capsys.readouterr().out == first.replace(own_line, own_line.replace("1.jsonl", "2.jsonl"))
    assert (tmp_path / "1.jsonl").read_bytes() == (tmp_path / "2.jsonl").read_bytes()
