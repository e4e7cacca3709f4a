"""How much each subcommand imports before it does anything."""

import argparse
import importlib
import json
import subprocess
import sys

import pytest

from lm_eval_hesnr.cli import COMMANDS

LARGE = ("accelerate", "datasets", "lm_eval", "pandas", "pyarrow", "scipy", "torch", "transformers", "tree_sitter")
"""Packages that take long to import. Each command may import those that it needs, and none needs torch."""

NEEDED = {
    "": [],
    "curate": ["scipy", "tree_sitter"],
    "show": ["tree_sitter"],
    "measure": ["pyarrow", "scipy"],
    "sweep": ["pyarrow", "scipy"],
    "diagnose": ["pyarrow", "scipy"],
    "export": ["pyarrow", "scipy"],
    "sample": ["scipy"],
}


@pytest.fixture(scope="module")
def imported():
    """Command to the large packages that `hesnr COMMAND --help` imports, each in a new interpreter."""
    script = (
        "import json, sys; from lm_eval_hesnr.cli import main; main(sys.argv[2:] + ['--help']); "
        "print(json.dumps([name for name in json.loads(sys.argv[1]) if name in sys.modules]))"
    )
    processes = {
        command: subprocess.Popen(
            [sys.executable, "-c", script, json.dumps(LARGE), *command.split()], stdout=subprocess.PIPE, text=True
        )
        for command in NEEDED
    }
    return {command: json.loads(one.communicate()[0].splitlines()[-1]) for command, one in processes.items()}


@pytest.mark.end_to_end
def test_each_command_imports_only_what_it_needs(imported):
    assert imported == NEEDED


def test_every_command_has_its_own_line_in_the_list():
    assert NEEDED.keys() == {"", *COMMANDS}
    commands = argparse.ArgumentParser().add_subparsers()
    for name in COMMANDS:
        importlib.import_module(f"lm_eval_hesnr.cli.{name}").add_to(commands)
    assert {action.dest: action.help for action in commands._choices_actions} == COMMANDS
