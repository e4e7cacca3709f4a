"""docs/harness.md has a row for every flag of the harness's command line, and each row says what happens."""

import argparse
import logging
import re
import shlex
import sys
from pathlib import Path

import pytest

from lm_eval_hesnr import plugin
from lm_eval_hesnr.errors import InputError
from tests.builders import bash_action, curated_row, segment, write_rows

pytestmark = pytest.mark.end_to_end  # each command is a whole run

plugin.install()
from lm_eval._cli import HarnessCLI  # noqa: E402
from lm_eval.tasks._index import TaskIndex  # noqa: E402

PAGE = Path(__file__).parents[2] / "docs" / "harness.md"
DEFAULTS = {
    "run": "--tasks swe_hesnr --model hf-topk --device cpu --metadata trajectories=runs.jsonl",
    "validate": "--tasks swe_hesnr",
}
"""What a row does not name."""

OUTCOMES = {"right", "refused", "said", "no effect", "harness"}
ROWS = [
    (command, *re.split(r" *(?<!\\)\| *", line)[1:-1])
    for command, part in re.findall(
        r"^## `lm_eval (\w+)`\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.DOTALL | re.MULTILINE
    )
    for line in part.splitlines()
    if line.startswith("| `")
]
"""The rows of the tables: the subcommand, then the cells `flag`, `tried with`, `outcome` and `what happens`."""


def flags_of_the_harness():
    """Return every flag of every subcommand, by its long name."""
    (commands,) = [a for a in HarnessCLI()._parser._actions if isinstance(a, argparse._SubParsersAction)]
    return {
        (name, action.option_strings[0] if action.option_strings else action.dest)
        for name, parser in commands.choices.items()
        for action in parser._actions
        if action.dest != "help"
    }


def test_every_flag_of_the_harness_has_a_row():
    assert {(command, re.findall("`(.*?)`", flag)[0]) for command, flag, *_ in ROWS} == flags_of_the_harness()


def test_every_row_is_complete():
    for row in ROWS:
        assert len(row) == 5, row
        assert row[3] in OUTCOMES, row
        assert row[4], row
        assert row[2] or "not run by the test" in row[4], row


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The files that the rows name."""
    made = tmp_path_factory.mktemp("flags")
    runs = [
        curated_row(name, segment("task", "Fix it."), bash_action("grep -rn a src\n" * 5), resolved=True)
        for name in "ab"
    ]
    write_rows(made / "runs.jsonl", runs)
    (made / "config.yaml").write_text("model: hf-topk\ntasks: [swe_hesnr]\nmetadata: {trajectories: runs.jsonl}\n")
    (made / "mine").mkdir()
    (made / "mine" / "mine.yaml").write_text("task: mine\nclass: !function lm_eval_hesnr.task.SweHesnr\n")
    return made


@pytest.fixture(scope="module")
def index():
    """The harness's index of tasks, built once. Only the folders of this test are read again."""
    found = {}
    build = TaskIndex.build

    def build_once(paths, **options):
        own = [path for path in paths if "site-packages" not in str(path)]
        stock = [path for path in paths if path not in own]
        if stock and "index" not in found:
            found["index"] = build(stock, **options)
        return (dict(found["index"]) if stock else {}) | build(own, **options)

    return build_once


@pytest.mark.parametrize(
    ("command", "flag", "tried", "outcome"),
    [(command, flag, tried.strip("`"), outcome) for command, flag, tried, outcome, _ in ROWS if tried],
)
def test_what_a_row_says_is_what_happens(
    command, flag, tried, outcome, folder, index, monkeypatch, capsys, caplog, harness_logs
):
    (flag,) = re.findall("`(-.*?|what)`", flag)[:1]
    monkeypatch.chdir(folder)
    monkeypatch.setattr(TaskIndex, "build", staticmethod(index))
    monkeypatch.setattr(logging.getLogger("lm_eval"), "level", logging.INFO)
    words = shlex.split(tried.replace("\\|", "|"))
    defaults = shlex.split(DEFAULTS.get(command, ""))
    for name, value in zip(defaults[::2], defaults[1::2], strict=True):
        words += [] if name in words or "--config" in words else [name, value]
    monkeypatch.setattr(sys, "argv", ["lm-eval", command, *words])
    refused = ""
    try:
        cli = HarnessCLI()
        cli.execute(cli.parse_args())
    except InputError as error:
        refused = str(error)
    printed = capsys.readouterr().out
    messages = [message for message in caplog.messages if re.search("no effect|ignored", message)]
    if outcome == "refused":
        assert flag.lstrip("-") in refused, refused
        return
    assert not refused
    assert command != "run" or "|he_snr" in printed
    said = [message for message in messages if re.search(rf"(--|^){flag.lstrip('-')}\b", message)]
    assert bool(said) is (outcome == "said"), messages
