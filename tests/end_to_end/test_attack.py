"""The attack campaign: its runner finds each kind of fault, it continues after a stop, and CI runs its small form."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.attack import __main__ as campaign
from benchmarks.attack import inputs
from benchmarks.attack.cases import ask_all
from benchmarks.attack.journal import FAULT, HELD, SKIPPED, Row, add_row, as_markdown, by_kind, digest_of, read_rows
from benchmarks.attack.limits import Limits
from benchmarks.attack.mutations import broken_bytes, broken_json
from benchmarks.attack.table import Attack, Room, SkippedError, state
from lm_eval_hesnr.trajectories.load import load_trajectories

pytestmark = pytest.mark.end_to_end

REPOSITORY = Path(__file__).parents[2]


def python(room, code, **options):
    return room.run([sys.executable, "-S", "-c", code], **options)


def row_of(work, patience=1):
    arguments = campaign._parser().parse_args([f"--patience={patience}"])
    return campaign.perform(Attack("fake", "fake", work, True, 30), arguments, "code")


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("import time; time.sleep(60)", "no end after 1 s, 0 s of CPU time"),
        ("import os, time\nif os.fork(): os._exit(0)\nprint('still here')\ntime.sleep(60)", None),
        ("x = b'x' * 300_000_000", "MB of memory; 200 allowed"),
        ("x = b'x' * 9_000_000_000", "a traceback: MemoryError"),
        ("print('\\x1b[31mred')", "acts on the terminal: U+001B"),
        ("print('a\\u3164b\\u202ec')", "acts on the terminal: U+202E, U+3164"),
        ("raise ValueError('no')", "a traceback: ValueError: no"),
        ("import sys; sys.exit(3)", "exit status 3, not 0"),
        ("import os; os.kill(os.getpid(), 11)", "ended by SIGSEGV"),
        ("print('good')", None),
    ],
)  # fmt: skip
def test_each_way_to_fail_is_a_fault(code, fault):
    # Linux counts the memory of the process that starts a command, here pytest, as the command's own at first
    megabytes = 200 if fault else 4000
    row = row_of(lambda room: python(room, code, seconds=1 if "sleep" in code else 30, megabytes=megabytes))
    found = "; ".join(row.faults)
    assert (row.verdict, fault or "") == (FAULT if fault else HELD, fault or "")
    assert (fault or "") in found


@pytest.mark.parametrize("code", ["while 1: pass", "import os\nif not os.fork():\n while 1: pass\nos.wait()"])
def test_the_limit_of_time_is_one_of_cpu_time(code):
    (fault,) = row_of(lambda room: python(room, code, seconds=1), patience=100).faults
    assert fault.partition("(")[0] == "2 s of CPU time; 1 allowed "


def test_an_attack_that_fails_itself_and_one_that_is_skipped_are_rows():
    def fails(room):
        raise KeyError("x")

    def is_skipped(room):
        raise SkippedError("no such machine")

    assert row_of(fails).faults == ["the attack itself failed: KeyError: 'x'"]
    assert (row_of(is_skipped).verdict, row_of(is_skipped).notes) == (SKIPPED, ["no such machine"])


def test_an_attack_without_end_is_given_up():
    arguments = campaign._parser().parse_args(["--patience", "1"])
    endless = Attack("fake", "fake", lambda room: python(room, "while 1: pass"), True, 1)
    row = campaign.perform(endless, arguments, "code")
    assert row.faults == ["the attack itself failed: TimeoutError: the attack was given up after 1 s"]


def test_a_worker_names_the_case_that_hangs_or_ends_it_and_goes_on(tmp_path):
    room = Room(tmp_path, patience=4)
    cases = [(what, what) for what in ("good", "hang", "good again", "exit", "raise", "red", "large")]
    answers = dict(ask_all(room, "fake_case", cases, Limits(seconds=2, megabytes=300)))
    assert {name: answer.result for name, answer in answers.items() if answer.result} == {
        "good": "done", "good again": "done", "red": "done", "large": "done",
    }  # fmt: skip
    assert [fault.partition(" MB")[0][:40] for fault in room.faults] == [
        "hang: no end after 8 s", "exit: the process ended with status 7", "raise: a traceback: ValueError: no",
        "red: acts on the terminal: U+001B", room.faults[-1].partition(" MB")[0],
    ]  # fmt: skip
    assert room.faults[-1].startswith("large: ")


def test_a_campaign_goes_on_where_it_stopped(tmp_path):
    journal = tmp_path / "new" / "journal.jsonl"
    add_row(journal, Row("a", "k", HELD, 1.0, 2.0, code="now"))
    with journal.open("a") as file:
        file.write('{"name": "b", "ki')  # killed while it was written
    add_row(journal, Row("c", "k", FAULT, 1.0, 2.0, ["x | y"], size="small", code="now"))
    add_row(journal, Row("a", "k", FAULT, 1.0, 2.0, ["newer"], code="now"))
    add_row(journal, Row("a", "k", HELD, 1.0, 2.0, code="older"))
    assert {name: row.faults for name, row in read_rows(journal, "full", "now").items()} == {"a": ["newer"]}
    assert list(read_rows(journal, "small", "now")) == ["c"]
    table = as_markdown([*read_rows(journal, "small", "now").values(), Row("d", "k", HELD, 0.04, 7.0, cpu=0.6)])
    assert table.splitlines()[2:] == [
        "| c | k | **fault** | 1 | 0 | 2 | x \\| y |", "| d | k | held | 0 | 1 | 7 |  |", "",
        "2 attacks: 1 held, 1 fault, 0 skipped",
    ]  # fmt: skip
    assert by_kind([Row("a", "k", HELD, 1.0, 2.0, cpu=1), Row("b", "k", FAULT, 0.6, 7.0, cpu=2)]).splitlines()[2:] == [
        "| k | 2 | 1 | 1 | 0 | 3 | 7 |", "| all | 2 | 1 | 1 | 0 | 3 | 7 |",
    ]  # fmt: skip


def test_the_digest_of_the_attacked_code_depends_on_names_and_bytes(tmp_path):
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "a.py").write_text("1")
    before = digest_of(tmp_path)
    (tmp_path / "__pycache__" / "a.pyc").write_text("1")
    assert digest_of(tmp_path) == before
    (tmp_path / "a.py").write_text("2")
    assert digest_of(tmp_path) != before


def test_a_changed_file_is_seen(tmp_path):
    (tmp_path / "a").write_text("1")
    (tmp_path / "link").symlink_to("a")
    before = state(tmp_path)
    (tmp_path / "a").write_text("2")
    assert {name for name, was in before.items() if state(tmp_path)[name] != was} == {"a"}


def test_every_sketch_is_read(tmp_path):
    for path in inputs.write_sketches(tmp_path):
        assert len(load_trajectories(path).trajectories) == 1, path


def test_mutations_change_their_input_and_depend_only_on_the_seed():
    import random

    text = json.dumps(inputs.chat(*inputs.TURNS))
    values = [broken_json(text, random.Random(seed)) for seed in range(50)]
    raw = [broken_bytes(text.encode(), random.Random(seed)) for seed in range(50)]
    assert values == [broken_json(text, random.Random(seed)) for seed in range(50)]
    assert len(set(values)) > 30
    assert len(set(raw)) > 40


def test_the_small_campaign_finds_no_fault(tmp_path):
    command = [
        sys.executable,
        "-m",
        "benchmarks.attack",
        "--small",
        "--journal",
        tmp_path / "journal",
    ]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
