import ast
import logging
from pathlib import Path

import lm_eval_hesnr.errors  # noqa: F401 (every module that logs imports it)

PACKAGE = Path(__file__).parents[2] / "lm_eval_hesnr"
LOGGER = "lm_eval.hesnr"
ALLOWED = {
    ("cli/sweep.py", "lm_eval.config.evaluate_config"),
    ("models/completions.py", "name"),
    ("models/progress.py", "name"),
    ("training/scorer.py", "name"),
}
"""Loggers of other packages, to which the module adds a filter; all loggers, whose lines should not touch the bar;
loggers of the harness, which are quiet during a training or before a sweep."""

HOSTILE = "\x1b]0;title\x07\r\u202e\u3164\nERROR a forged line"
SAFE = "\\x1b]0;title\\x07\\r\\u202e\\u3164\\nERROR a forged line"


def test_our_records_are_escaped_for_every_handler(harness_logs):
    logger = logging.getLogger(LOGGER)
    logger.warning("%s: %d of %s", HOSTILE, 3, HOSTILE)
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        logger.exception("failed")
    assert harness_logs.messages == [f"{SAFE}: 3 of {SAFE}", "failed"]
    assert SAFE.partition("\\n")[0] in harness_logs.text
    assert not set("\x1b\x07\r\u202e\u3164") & set(harness_logs.text)


def test_records_of_others_are_unchanged(harness_logs):
    logging.getLogger("lm_eval").warning("%s", HOSTILE)
    logging.getLogger("another").warning("%s", HOSTILE)
    assert harness_logs.messages == [HOSTILE, HOSTILE]


def calls(*names):
    """Yield each call of a function with one of these names in the package, with its module."""
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if any(name in text for name in names):
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Call) and f".{ast.unparse(node.func)}".endswith(
                    tuple(f".{name}" for name in names)
                ):
                    yield path.relative_to(PACKAGE).as_posix(), node


def test_every_module_logs_to_the_logger_with_the_filter():
    loggers = {(module, ast.unparse(node.args[0]).strip("'")) for module, node in calls("getLogger")}
    assert {(module, name) for module, name in loggers if name != LOGGER} == ALLOWED
    assert len(loggers) > 10


def test_only_one_module_prints():
    printing = ("print", "stdout.write", "stderr.write", "stdout.buffer.write", "warnings.warn", "tqdm.write")
    assert {module for module, _ in calls(*printing)} == {"cli/terminal.py"}
