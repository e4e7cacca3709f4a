"""How much each subcommand imports before it does anything, and how much four of them import for their work."""

import argparse
import importlib
import json
import shutil
import subprocess
import sys

import pytest

from lm_eval_hesnr.assets import EMBEDDED_MODEL
from lm_eval_hesnr.cli import COMMANDS, main
from lm_eval_hesnr.scoring.token_table import write_token_table
from tests.builders import results_json, token_scores

LARGE = ("accelerate", "datasets", "lm_eval", "pandas", "pyarrow", "scipy", "torch", "transformers", "tree_sitter")
"""Packages that take long to import. Each command may import those that it needs, and none needs torch."""

NEEDED = {
    "": [],
    "curate": ["scipy", "tree_sitter"],
    "show": ["tree_sitter"],
    "measure": ["pyarrow", "scipy"],
    "sweep": ["pyarrow", "scipy"],
    "report": ["pyarrow", "scipy"],
    "diagnose": ["pyarrow", "scipy"],
    "export": ["pyarrow", "scipy"],
    "correlate": ["pyarrow", "scipy"],
    "plan": ["pyarrow", "scipy"],
    "sample": ["scipy"],
}


PROGRAM = """
import sys, yaml
from pathlib import Path
config = yaml.safe_load(Path(sys.argv[sys.argv.index("--config") + 1]).read_text())
out = Path(config["output_path"]) / "model"
out.mkdir(parents=True)
(out / "results_1.json").write_text(Path(sys.argv[1]).read_text())
"""
"""What `hesnr sweep` starts in place of the harness."""

SCRIPT = """
import json, sys
from lm_eval_hesnr.cli import main
status = main(sys.argv[2:])
print()
print(json.dumps([status, [name for name in json.loads(sys.argv[1]) if name in sys.modules]]))
"""


def start(*arguments):
    """Start `hesnr ARGUMENTS` in a new interpreter, which then prints its exit status and what it has imported."""
    command = [sys.executable, "-c", SCRIPT, json.dumps(LARGE), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def end(process):
    """Return the exit status of a command, and which large packages it has imported."""
    return tuple(json.loads(process.communicate()[0].splitlines()[-1]))


@pytest.fixture(scope="module")
def imported():
    """Command to the large packages that `hesnr COMMAND --help` imports, each in a new interpreter."""
    processes = {command: start(*command.split(), "--help") for command in NEEDED}
    return {command: end(one)[1] for command, one in processes.items()}


@pytest.mark.end_to_end
def test_each_command_imports_only_what_it_needs(imported):
    assert imported == NEEDED


@pytest.mark.end_to_end
def test_work_without_a_model_imports_neither_torch_nor_the_harness(tmp_path):
    """Each command on small input, and `hesnr sweep` when all is done."""
    for i in range(6):
        write_token_table(tmp_path / "tokens", i, f"run {i}", token_scores(seed=i))
    results = tmp_path / "results_1.json"
    results.write_text(json.dumps(results_json(0.1)))
    (tmp_path / "program.py").write_text(PROGRAM)
    checkpoint = shutil.copytree(EMBEDDED_MODEL, tmp_path / "runs" / "checkpoint-1")
    (checkpoint / "trainer_state.json").write_text("{}")
    launcher = f"{sys.executable} {tmp_path / 'program.py'} {results}"
    sweep = ["sweep", tmp_path / "runs", "-o", tmp_path / "OUT", "--launcher", launcher]
    begun = [start("measure", tmp_path / "tokens"), start("diagnose", results)]
    begun += [start("report", tmp_path / "tokens", "-o", tmp_path / "report.html"), start(*sweep)]
    first = [end(one) for one in begun]
    assert (first[3][0], (tmp_path / "OUT" / "checkpoint-1" / "state.json").exists()) == (0, True)
    (tmp_path / "program.py").unlink()
    run = tmp_path / "run.jsonl"
    assert end(start("sample", "folio", "-o", run))[0] == 0
    curate = ["curate", run, "-o", tmp_path / "out.jsonl"]
    of_runs = [start("show", run, "--plain"), start(*curate), start("sample")]
    of_results = [start("export", results, "--to", "csv"), start(*sweep)]
    for status, large in [*first[:3], *map(end, of_results)]:
        assert status == 0
        assert {"pyarrow"} <= set(large) <= {"pandas", "pyarrow", "scipy"}  # pyarrow imports pandas to make arrays
    for status, large in map(end, of_runs):
        assert status == 0
        assert set(large) <= {"scipy", "tree_sitter"}


def test_every_command_has_its_own_line_in_the_list():
    assert NEEDED.keys() == {"", *COMMANDS}
    commands = argparse.ArgumentParser().add_subparsers()
    for name in COMMANDS:
        importlib.import_module(f"lm_eval_hesnr.cli.{name}").add_to(commands)
    assert {action.dest: action.help for action in commands._choices_actions} == COMMANDS


def test_ctrl_c_while_a_command_is_imported_has_no_traceback(monkeypatch):
    def interrupted(name):
        raise KeyboardInterrupt

    monkeypatch.setattr(importlib, "import_module", interrupted)
    assert main(["sweep", "runs", "-o", "OUT"]) == 130
