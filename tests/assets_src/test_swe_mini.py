"""The embedded sample set: its content, and that runs which are recorded again give the same bytes."""

import gzip
import json
import os
import random
import re
import shutil
import sys
from collections import Counter
from pathlib import Path

import pytest

from assets_src.swe_mini import record as recorder
from assets_src.swe_mini.editor import edit
from assets_src.swe_mini.programs import missing, versions_of
from assets_src.swe_mini.sandbox import Outcome, Sandbox, without_network
from assets_src.swe_mini.script import read_script
from assets_src.swe_mini.styles import STYLES
from lm_eval_hesnr.assets import EMBEDDED_MODEL, TRAJECTORIES
from lm_eval_hesnr.labelling.render import transcript
from lm_eval_hesnr.labels import Label
from lm_eval_hesnr.samples import name_of, samples
from lm_eval_hesnr.trajectories.load import load_trajectories

ROOT = Path(__file__).parents[2]
CASES = ROOT / "assets_src" / "swe_mini" / "cases"
LINES = {json.loads(line)["id"]: line for line in TRAJECTORIES.read_text(encoding="utf-8").split("\n") if line}
SAMPLES = samples()


SEED = os.environ.get("SWE_MINI_DRAW") or TRAJECTORIES.read_bytes()
"""Seed of the sample below. It depends on the stored file: each state of the file has its own fixed sample."""


def drawn(seed):
    """One random Python run of each style, and one of each other language."""
    groups: dict[str, list[str]] = {}
    for run in SAMPLES:
        language = run.meta["language"]
        groups.setdefault(run.source if language == "Python" else language, []).append(name_of(run))
    rng = random.Random(seed)
    return sorted(rng.choice(names) for names in groups.values())


def files_read(run):
    """(file, number of the action) for each file that an action shows, with the editor or in the shell."""
    here_document = re.compile(r"<<-?\s*(['\"]?)(\w+)\1.*?^\2$", re.MULTILINE | re.DOTALL)
    for number, action in enumerate(segment for segment in run.segments if segment.kind == "action"):
        for call in action.calls:
            if call.arguments.get("command") == "view":
                yield call.arguments["path"].removeprefix(f"/repo/{name_of(run)}/"), number
            elif call.tool == "bash":
                command = here_document.sub("", call.arguments["command"])
                command = re.sub(r"'[^']*'|\"[^\"]*\"", "", command)  # patterns and scripts
                for words in re.findall(r"\b(?:cat|nl|head|tail|grep|sed -n)\b([^|;&<>\n]*)", command):
                    yield from ((name, number) for name in re.findall(r"[\w/.-]*\w\.[a-z]+\b", words))


def reads_again(run):
    """Return whether two actions show the same file."""
    return max(Counter(name for name, _ in set(files_read(run))).values(), default=0) > 1


def refused(run):
    """Number of replies that were not executed."""
    return sum(s.kind == "other" and s.text.startswith("Nothing was executed: ") for s in run.segments)


@pytest.fixture
def sandbox(tmp_path):
    """The committed repository of one run, in the environment of the recorder."""
    needs_programs(())
    return Sandbox(read_script(CASES / "spans" / "run.md"), tmp_path)


def needs_programs(names):
    if sys.platform != "linux":
        pytest.skip("recording needs Linux")
    assert not missing(()), "any Linux has these tools; without them no run can be recorded again"
    if missing(names):
        pytest.skip(f"recording needs {', '.join(missing(names))}")


# The whole set


def test_the_set_is_what_its_card_says():
    loaded = load_trajectories(TRAJECTORIES, strict=True)
    assert loaded.trajectories == SAMPLES
    assert len({run.id for run in SAMPLES}) == len(SAMPLES) == 36
    assert Counter(run.source for run in SAMPLES) == {"mini-swe-agent": 21, "swe-agent": 8, "swe-smith-xml": 7}
    languages = Counter(run.meta["language"] for run in SAMPLES)
    assert languages.pop("Python") == 24
    assert languages == {"C": 2, "JavaScript": 2, "Rust": 2, "SQL": 2, "shell": 2, "TOML": 1, "YAML": 1}
    assert sum(not run.resolved for run in SAMPLES) == 8


def test_every_run_is_of_a_useful_length():
    for run in SAMPLES:
        actions = [segment for segment in run.segments if segment.kind == "action"]
        assert len(actions) == run.meta["steps"] == len(run.meta["exit_codes"])
        assert 8 <= run.meta["steps"] <= 30
        assert all(call.executed for segment in actions for call in segment.calls)


def test_the_runs_are_as_untidy_as_real_ones():
    assert sum(map(reads_again, SAMPLES)) >= len(SAMPLES) / 2
    assert sum(refused(run) > 0 for run in SAMPLES) >= 4
    assert sum(run.meta["steps"] >= 20 for run in SAMPLES) >= 4
    tracebacks = [run for run in SAMPLES if any("Traceback (most recent call" in s.text for s in run.segments)]
    assert len(tracebacks) >= len(SAMPLES) / 3


def test_what_is_shipped_is_small():
    assert len(gzip.compress(TRAJECTORIES.read_bytes())) < 2_000_000
    assert sum(path.stat().st_size for path in EMBEDDED_MODEL.glob("*.safetensors")) <= 8_000_000


def test_the_measured_outcomes_are_consistent():
    for run in SAMPLES:
        assert not run.meta["check_before"]
        assert run.resolved == (run.meta["check_after"] and run.meta["own_tests_after"])
        assert run.meta["failed_commands"] == sum(code != 0 for code in run.meta["exit_codes"])


def test_every_label_occurs():
    renderings = [transcript(run) for run in SAMPLES]
    found = {label for rendering in renderings for label in rendering.labels.tolist()}
    assert found == set(Label)
    assert any(not text.isascii() for run in SAMPLES for text in (s.text for s in run.segments if s.kind == "action"))


def test_no_path_of_a_machine_is_left():
    text = TRAJECTORIES.read_text(encoding="utf-8")
    own = {str(ROOT), str(Path.home()), sys.prefix, sys.base_prefix, "swe_mini_"} - {"/usr", "/usr/local", "/"}
    assert [path for path in own if path in text] == []
    assert re.findall(r"(?<!\w)/(?:root|home/(?!agent\b)\w+|Users|tmp/(?!tmpfolder|cc)\w+)", text) == []


def test_the_set_has_a_useful_number_of_tokens():
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(EMBEDDED_MODEL)
    n_tokens = sum(len(tokenizer(transcript(run).text, verbose=False)["input_ids"]) for run in SAMPLES)
    assert 150_000 <= n_tokens <= 400_000


# Recorded again


def test_most_of_the_drawn_runs_are_never_skipped_on_linux():
    assert len([name for name in drawn(SEED) if not read_script(CASES / name / "run.md").needs]) >= 6


def test_every_run_can_be_drawn():
    assert {name for seed in range(200) for name in drawn(seed)} == set(map(name_of, SAMPLES))


@pytest.mark.parametrize("name", drawn(SEED))
@pytest.mark.end_to_end
def test_a_run_recorded_again_is_the_same(name):
    stored = json.loads(LINES[f"swe-mini/{name}"])
    script = read_script(CASES / name / "run.md")
    needs_programs(script.needs)
    if name in ("chores", "deploytoml", "layercfg") and sys.version_info < (3, 11):
        pytest.skip("this run imports tomllib")
    if sys.version_info[:2] != (3, 11):  # other versions print other tracebacks, so only the outcomes are compared
        again = recorder.record(script).trajectory
        assert again["meta"]["exit_codes"] == stored["meta"]["exit_codes"]
        assert again["resolved"] == stored["resolved"]
        return
    versions = {key: version for key, version in stored["meta"]["versions"].items() if key != "python3"}
    if versions_of(script.needs) != versions:
        pytest.skip(f"recorded with {versions}, installed here: {versions_of(script.needs)}")
    again = recorder.record(script).trajectory
    assert again == stored
    assert json.dumps(again, ensure_ascii=False) == LINES[f"swe-mini/{name}"]


@pytest.mark.end_to_end
def test_check_prints_the_difference(tmp_path, monkeypatch, capsys):
    needs_programs(())
    if sys.version_info[:2] != (3, 11):
        pytest.skip("recorded with Python 3.11")
    assert recorder.main(["--check", "folio"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "same bytes as the stored file"
    other = tmp_path / "trajectories.jsonl"
    other.write_text(LINES["swe-mini/folio"].replace("hand-written", "other") + "\n", encoding="utf-8")
    monkeypatch.setattr(recorder, "STORED", other)
    assert recorder.main(["--check", "folio"]) == 1
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "folio: 'model', from character 0: stored 'other', recorded 'hand-written'",
        "differs from the stored file: folio",
    ]


def test_nothing_is_written_where_the_network_is_open(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(recorder, "without_network", lambda: ())
    monkeypatch.setattr(recorder, "STORED", tmp_path / "trajectories.jsonl")
    assert recorder.main(["folio"]) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("error: this system cannot close the network")
    assert list(tmp_path.iterdir()) == []


def test_the_first_difference_is_named():
    stored = json.loads(LINES["swe-mini/folio"])
    changed = json.loads(LINES["swe-mini/folio"])
    changed["segments"][4]["text"] = "x" * 50 + "2 passed"
    stored["segments"][4]["text"] = "x" * 50 + "1 passed"
    changed["segments"].append(stored["segments"][1])

    def difference(old, new):
        return recorder._first_difference(old and json.dumps(old), new and json.dumps(new))

    assert difference(stored, changed) == (
        f"segment 4 ({stored['segments'][4]['kind']}), from character 30: "
        f"stored '{'x' * 20}1 passed', recorded '{'x' * 20}2 passed'"
    )
    changed["segments"][4] = stored["segments"][4]
    assert difference(stored, changed).startswith(
        f"segment {len(stored['segments'])}, from character 0: stored 'None', rec"
    )
    assert difference(stored, None) == "stored, but not recorded"
    assert difference(None, stored) == "not in the stored file"


def test_the_log_is_that_of_the_stored_runs():
    words = {True: "pass", False: "fail"}
    lines = recorder.LOG.read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(SAMPLES) + 1
    assert lines[-1].startswith("36 runs, 28 resolved, 8 unresolved, 0 failed; ")
    assert lines[-1] == recorder._summary([json.loads(line) for line in LINES.values()])
    for run, line in zip(SAMPLES, lines, strict=False):
        meta = run.meta
        assert line.split()[:2] == [name_of(run), run.source]
        assert f" {meta['steps']} steps, {meta['failed_commands']} failing commands, " in line
        assert line.endswith(
            f" check {words[meta['check_before']]} -> {words[meta['check_after']]}, own tests "
            f"{words[meta['own_tests_after']]}: {'resolved' if run.resolved else 'unresolved'}"
        )


@pytest.mark.end_to_end
def test_an_outcome_other_than_expected_is_an_error(tmp_path, monkeypatch):
    needs_programs(())
    written = tmp_path / "tinyini" / "run.md"
    written.parent.mkdir()
    text = (CASES / "tinyini" / "run.md").read_text(encoding="utf-8")
    written.write_text(text.replace("Expected: resolved", "Expected: unresolved"), encoding="utf-8")
    with pytest.raises(ValueError, match="tinyini: expected unresolved, but the check passes before: False"):
        recorder.record(read_script(written))


# The recorder's parts


def test_the_notation_is_checked(tmp_path):
    path = tmp_path / "x.md"
    path.write_text("# x: y\nExpected: resolved\nNeeds: node, perl\n\n<!-- issue -->\nz\n")
    with pytest.raises(ValueError, match=r"'Needs:' should be one of node, make, .*, found 'perl'"):
        read_script(path)
    path.write_text("# x: y\nExpected: resolved\nLanguage: C\n\n<!-- issue -->\nz\n")
    with pytest.raises(ValueError, match="'Language: C' in the head; known lines: Expected, Agent, Needs, Tests"):
        read_script(path)


def test_one_call_in_two_styles():
    turn = "Look.\n\n<function=str_replace_editor>\n<parameter=command>view</parameter>\n"
    turn += "<parameter=path>/repo/x/a.py</parameter>\n<parameter=view_range>[1, 4]</parameter>\n</function>"
    said, did = STYLES["swe-smith-xml"].cut(turn).segments
    assert said["text"] + did["text"] == turn
    assert did["calls"][0]["arguments"]["view_range"] == "[1, 4]"
    said, did = STYLES["swe-agent"].cut(turn).segments
    assert (said["text"], json.loads(did["text"])) == ("Look.", did["calls"][0]["arguments"])
    assert did["calls"][0]["arguments"] == {"command": "view", "path": "/repo/x/a.py", "view_range": [1, 4]}
    for wrong in (f"{turn} More.", f"{turn}\n{turn}", turn.replace("view_range", "range"), "Look."):
        with pytest.raises(ValueError, match=r"exactly one|there are"):
            STYLES["swe-agent"].cut(wrong)


def test_the_editor(tmp_path):
    def answer(**arguments):
        return edit({"path": "/repo/x/é/a.c", **arguments}, tmp_path, "/repo/x")

    def shown(text):
        return Outcome(returncode=0, output=text)

    created = answer(command="create", file_text="one\n\ttwo\x0c\nthree")
    assert created == shown("Created /repo/x/é/a.c, 3 lines.\n")
    assert answer(command="view", view_range="[2, -1]") == shown(
        "/repo/x/é/a.c, lines 2 to 3 of 3:\n     2\t\ttwo\x0c\n     3\tthree\n"
    )
    assert answer(command="insert", insert_line=3, new_str="four") == shown(
        "Changed /repo/x/é/a.c; lines 1 to 4 are now:\n     1\tone\n     2\t\ttwo\x0c\n     3\tthree\n     4\tfour\n"
    )
    assert answer(command="str_replace", old_str="three\n", new_str="").returncode == 0
    assert (tmp_path / "é" / "a.c").read_text() == "one\n\ttwo\x0c\nfour\n"
    assert answer(command="view", path="/repo/x") == shown(
        "/repo/x, two levels deep, without hidden files:\né\né/a.c\n"
    )


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"command": "str_replace", "old_str": "o", "new_str": "0"}, "old_str occurs 2 times, on lines 1, 2"),
        ({"command": "str_replace", "old_str": "x", "new_str": "y"}, "old_str does not occur"),
        ({"command": "create", "file_text": ""}, "exists already"),
        ({"command": "view", "view_range": [3, 9]}, "has 2 lines"),
        ({"command": "view", "view_range": "[1"}, "should be a number or a list"),
        ({"command": "insert", "insert_line": 3, "new_str": "x"}, "from 0 to 2"),
        ({"command": "undo_edit"}, "unknown command 'undo_edit'; there are view, create, str_replace, insert"),
        ({"command": "view", "path": "/etc/passwd"}, "the editor reaches nothing else"),
        ({"command": "view", "path": "/repo/xy"}, "the editor reaches nothing else"),
        ({"command": "create", "path": "/repo/x/../y", "file_text": "z"}, "leads out of /repo/x"),
        ({"command": "view", "path": "/repo/x/out/hosts"}, "leads out of /repo/x"),
        ({"command": "view", "path": "/repo/x/missing"}, "there is no /repo/x/missing"),
    ],
)
def test_the_editor_refuses_and_changes_nothing(tmp_path, arguments, reason):
    repo = tmp_path / "repo"
    repo.mkdir()
    (repo / "a").write_text("one\ntwo\n")
    (repo / "out").symlink_to("/etc")
    answer = edit({"path": "/repo/x/a", **arguments}, repo, "/repo/x")
    assert answer.returncode == 1
    assert answer.output.startswith("ERROR: ")
    assert reason in answer.output
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "out", "repo"]
    assert (repo / "a").read_text() == "one\ntwo\n"


@pytest.mark.end_to_end
def test_paths_are_replaced_in_both_directions(sandbox):
    printed = sandbox.execute("cd /repo/spans/tests && pwd && ls ~ && command -v sed && cat /repo/spansx")
    assert printed.output.splitlines()[:2] == ["/repo/spans/tests", "/usr/bin/sed"]
    assert printed.output.endswith("cat: /repo/spansx: No such file or directory\n")


@pytest.mark.end_to_end
def test_a_command_that_never_ends_is_stopped(sandbox):
    sandbox.seconds = 1
    stopped = sandbox.execute("python3 -c 'while True: pass'")
    assert stopped == Outcome(returncode=124, output="[stopped: the command was still running after 1 seconds]\n")


@pytest.mark.end_to_end
def test_there_is_no_network(sandbox):
    if not without_network():
        pytest.skip("this system cannot close the network")
    tried = sandbox.execute("""python3 -c 'import socket; socket.create_connection(("192.0.2.1", 80), 2)'""")
    assert tried.output.splitlines()[-1] == "OSError: [Errno 101] Network is unreachable"


@pytest.mark.parametrize(
    ("program", "command", "printed"),
    [
        (
            "node",
            'cd tests; echo \'require("node:test")("a", () => {})\' > a.js; node --test a.js',
            "duration_ms 1.5\n",
        ),
        ("gcc", "echo 'int main() { return f(); }' > a.c; gcc a.c", "/tmp/ccobject.o"),
        ("sqlite3", "echo 'select 1 + 1;' | sqlite3", "2\n"),
        ("awk", "awk 'BEGIN { print 1 + 1 }'", "2\n"),
    ],
)
@pytest.mark.end_to_end
def test_programs_beyond_the_fixed_list(tmp_path, program, command, printed):
    if shutil.which(program) is None:
        pytest.skip(f"no {program} here")
    written = tmp_path / "spans" / "run.md"
    written.parent.mkdir()
    text = (CASES / "spans" / "run.md").read_text(encoding="utf-8")
    written.write_text(text.replace("Expected: resolved\n", f"Expected: resolved\nNeeds: {program}\n"))
    (tmp_path / "sandbox").mkdir()
    assert printed in Sandbox(read_script(written), tmp_path / "sandbox").execute(command).output
