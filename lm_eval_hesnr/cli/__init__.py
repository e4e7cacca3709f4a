"""The `hesnr` command. Each module is one subcommand: `add_to` adds its arguments, and `run` does the work.

Only the module of the requested subcommand is imported, so `hesnr --help` is quick.

Exit status: 0 if done, 1 if some inputs were bad, 2 for wrong usage, 130 if stopped with Ctrl-C.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import sys
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from pathlib import Path

from lm_eval_hesnr.cli.terminal import Parser, print_error
from lm_eval_hesnr.errors import BadFileError, InputError
from lm_eval_hesnr.files import reason_of
from lm_eval_hesnr.messages.characters import accept_every_character

COMMANDS = {
    "curate": "convert trajectories of any known format to one file",
    "show": "show one trajectory in the terminal, each label in its own colour",
    "measure": "measure one run or compare several, without a model",
    "sweep": "evaluate every checkpoint of a training run; the same command continues after a stop",
    "report": "write one HTML file that compares runs and shows their tokens",
    "diagnose": "list what may be wrong with results, with evidence and advice",
    "export": "write results for a table, a leaderboard, a model card or a tracker",
    "correlate": "say whether measures of checkpoints predict their downstream scores",
    "plan": "say how many checkpoints and tasks are needed to show that a measure predicts better",
    "sample": "list the embedded trajectories, or write one in an agent's format",
}
"""The name of each module in this folder that is a subcommand, and its line in the list of commands."""

DONE, BAD_INPUT, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


def main(argv: list[str] | None = None) -> int:
    """Run `hesnr ARGV` and return its exit status."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # the caller has closed it
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 (until the end)
    accept_every_character()
    try:
        own, further = _split(sys.argv[1:] if argv is None else argv)
        arguments = _parser(own).parse_args(own, argparse.Namespace(further=further))
    except SystemExit as stop:  # argparse has already printed the reason
        return stop.code if isinstance(stop.code, int) else WRONG_USAGE
    except KeyboardInterrupt:  # the import of a command takes seconds on a busy machine
        return INTERRUPTED
    try:
        all_good: bool = arguments.run(arguments)
        sys.stdout.flush()  # a full disk is an error here, and not after the exit status is decided
    except BadFileError as error:
        return _failed(f"{error} (--strict: any bad file stops the command)", BAD_INPUT)
    except InputError as error:
        return _failed(str(error), WRONG_USAGE)
    except BrokenPipeError:  # `hesnr show FILE | head`
        _discard_stdout()
        return DONE
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EFBIG) or error.filename:
            return _failed(reason_of(error), WRONG_USAGE)
        _discard_stdout()
        return _failed(f"stdout: cannot be written to ({error.strerror}); write it to another disk", WRONG_USAGE)
    except BrokenProcessPool:
        return _failed(
            "a worker process died, perhaps out of memory; run the same command again with a smaller -j", WRONG_USAGE
        )
    except KeyboardInterrupt:
        return INTERRUPTED
    return DONE if all_good else BAD_INPUT


def _split(argv: list[str]) -> tuple[list[str], list[str] | None]:
    """The arguments before and after `--` of `hesnr sweep`. For the other commands, `--` has its usual meaning."""
    if argv[:1] != ["sweep"] or "--" not in argv:
        return argv, None
    place = argv.index("--")
    return argv[:place], argv[place + 1 :]


def _discard_stdout() -> None:
    """Discard what is not printed yet. The interpreter would try to print it again when it exits."""
    with suppress(OSError):  # stdout of a test has no descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _failed(reason: str, status: int) -> int:
    print_error(reason)
    return status


def _parser(argv: list[str]) -> argparse.ArgumentParser:
    """The parser of the subcommand in `argv`. All other subcommands are only in its list."""
    parser = Parser(
        prog="hesnr",
        description="Convert, show and sample agent trajectories; evaluate all checkpoints of a training run; measure, "
        "diagnose, show and export HE-SNR results.",
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, line in COMMANDS.items():
        if argv[:1] == [name]:
            importlib.import_module(f"lm_eval_hesnr.cli.{name}").add_to(commands)
        else:
            commands.add_parser(name, help=line)
    return parser
