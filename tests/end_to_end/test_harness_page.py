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

EFFECTS = {
    "--config config.yaml --device cpu": lambda run: run.n == 2,
    "--tasks swe_hesnr,mine --include_path mine": lambda run: run.results["results"].keys() == {"swe_hesnr", "mine"},
    "--include_path mine --tasks mine": lambda run: run.results["results"].keys() == {"mine"},
    "--model_args dtype=float32,stride=64": lambda run: run.signature["stride"] == 64,
    "--apply_chat_template": lambda run: run.signature["render"] == "chat",
    "--limit 99": lambda run: run.n == 2,
    "--limit 0.5": lambda run: run.n == 1,
    '--samples {"swe_hesnr": [1]}': lambda run: run.n == 1 and run.scored == ["b"],
    "--output_path results": lambda run: run.files("results_*.json") == 1 and not run.files("samples_*.jsonl"),
    "--log_samples --output_path results": lambda run: run.files("results_*.json") == run.files("samples_*.jsonl") == 1,
    "--show_config": lambda run: '"configs": {' in run.printed,
    "--metadata trajectories=runs.jsonl,k=5": lambda run: run.signature["k"] == 5,
}
"""What a row of the outcome `right` has changed, by what it is tried with, without the quotes of the shell."""

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


def test_every_effect_is_that_of_a_row():
    tried = {" ".join(shlex.split(row[2].strip("`").replace("\\|", "|"))) for row in ROWS if row[3] == "right"}
    assert EFFECTS.keys() <= tried


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


class Run:
    """What one command printed, returned and wrote."""

    def __init__(self, command, words, monkeypatch, capsys):
        import lm_eval

        original = lm_eval.simple_evaluate
        before = {*Path().rglob("*")}

        def recorded(*args, **given):
            found = original(*args, **given | {"log_samples": True})  # the samples name the trajectories
            self.results = dict(found)
            if not given["log_samples"]:
                del found["samples"]
            return found

        with monkeypatch.context() as patch:
            patch.setattr(lm_eval, "simple_evaluate", recorded)
            patch.setattr(sys, "argv", ["lm-eval", command, *words])
            cli = HarnessCLI()
            cli.execute(cli.parse_args())
        self.printed = capsys.readouterr().out
        self.new = {*Path().rglob("*")} - before

    def files(self, pattern):
        return sum(path.match(pattern) for path in self.new)

    @property
    def n(self):
        return self.results["n-samples"]["swe_hesnr"]["effective"]

    @property
    def scored(self):
        return sorted({sample["doc"]["id"] for sample in self.results["samples"]["swe_hesnr"]})

    @property
    def signature(self):
        return self.results["configs"]["swe_hesnr"]["signature"]

    @property
    def numbers(self):
        return {name: value for name, value in self.results["results"]["swe_hesnr"].items() if "," in name}


def with_defaults(command, words):
    """The words of a command, with what its row does not name."""
    defaults = shlex.split(DEFAULTS.get(command, ""))
    pairs = zip(defaults[::2], defaults[1::2], strict=True)
    missing = [] if "--config" in words else [pair for pair in pairs if pair[0] not in words]
    return [*words, *(word for pair in missing for word in pair)]


@pytest.fixture(scope="module")
def numbers_without():
    return {}


@pytest.mark.parametrize(
    ("command", "flag", "tried", "outcome"),
    [(command, flag, tried.strip("`"), outcome) for command, flag, tried, outcome, _ in ROWS if tried],
)
def test_what_a_row_says_is_what_happens(
    command, flag, tried, outcome, folder, index, numbers_without, monkeypatch, capsys, caplog, harness_logs
):
    (flag,) = re.findall("`(-.*?|what)`", flag)[:1]
    monkeypatch.chdir(folder)
    monkeypatch.setattr(TaskIndex, "build", staticmethod(index))
    monkeypatch.setattr(logging.getLogger("lm_eval"), "level", logging.INFO)
    given = shlex.split(tried.replace("\\|", "|"))
    refused, run = "", None
    try:
        run = Run(command, with_defaults(command, given), monkeypatch, capsys)
    except InputError as error:
        refused = str(error)
    messages = [message for message in caplog.messages if re.search("no effect|ignored", message)]
    if outcome == "refused":
        assert flag.lstrip("-") in refused, refused
        return
    assert not refused
    assert run is not None
    assert command != "run" or "|he_snr" in run.printed
    if command == "run" and outcome == "right":
        assert EFFECTS.get(" ".join(given), lambda _: True)(run)
    if outcome in ("said", "no effect"):
        if not numbers_without:
            numbers_without.update(Run(command, with_defaults(command, []), monkeypatch, capsys).numbers)
        assert run.numbers == numbers_without
    said = [message for message in messages if re.search(rf"(--|^){flag.lstrip('-')}\b", message)]
    assert bool(said) is (outcome == "said"), messages
