"""Properties of the labels of every real action. The embedded scripts are found without code of the package."""

import ast
import io
import json
import re
import subprocess
import sys
import tokenize
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from lm_eval_hesnr.labelling.annotate import annotate
from lm_eval_hesnr.labelling.budget import Budget
from lm_eval_hesnr.labelling.code import label_code
from lm_eval_hesnr.labelling.languages import pragma
from lm_eval_hesnr.labels import SCOPES, Label
from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.schema import Segment, Trajectory
from lm_eval_hesnr.trajectories.tools import content_of

HEREDOC = re.compile(r"<<-? *(['\"]?)(\w+)\1([^\n]*)\n(.*?)\n\2(?=\n|\Z|\))", re.DOTALL)
SCRIPT = re.compile(r"""\bpython3? -c (?:'([^']*)'|"((?:[^"\\`$]|\\.)*)")""", re.DOTALL)
FOLDERS = (
    "mini_swe_agent_0",
    "mini_swe_agent_1",
    "mini_swe_agent_1.1",
    "swe_agent",
    "openhands",
    "atif",
    "dataset_rows",
    "cli_sessions",
)


class Fragment(NamedTuple):
    """Python inside an action, with its labels."""

    code: str
    labels: np.ndarray

    def without_comments(self) -> str:
        kept = self.labels != Label.COMMENT
        return "".join(c for c, keep in zip(self.code, kept, strict=True) if keep)


@pytest.fixture(scope="module")
def runs(real_trajectories: Path) -> list[Trajectory]:
    paths = [real_trajectories / name for name in FOLDERS]
    found = load_trajectories([path for path in paths if path.is_dir()]).trajectories
    assert {"mini-swe-agent-1", "mini-swe-agent-1.1"} <= {run.source for run in found}
    return found


@pytest.fixture(scope="module")
def actions(runs: list[Trajectory]) -> list[Segment]:
    return [s for run in runs for s in run.segments if s.kind == "action" and s.generated]


@pytest.fixture(scope="module")
def commands(actions: list[Segment]) -> list[str]:
    """Every different shell command."""
    given = [call.arguments.get("command") for s in actions for call in s.calls if call.tool == "bash"]
    return list(dict.fromkeys(command for command in given if isinstance(command, str)))


def test_labels_are_a_partition(runs, capsys):
    n = 0
    for segment in (segment for run in runs for segment in run.segments):
        labels = annotate(segment)
        is_action = segment.kind == "action" and segment.generated
        allowed = SCOPES["action_raw"] | SCOPES["thought"] if is_action else set(Label)
        assert labels.dtype == np.uint8
        assert labels.shape == (len(segment.text),)
        assert set(labels.tolist()) <= allowed
        n += len(labels)
    with capsys.disabled():
        sys.stdout.write(f"\n  labels: {n} characters of {len(runs)} runs have exactly one label\n")


def test_only_prose_and_calls_that_did_not_run_are_thought_in_an_action(actions):
    for segment in actions:
        thought = (annotate(segment) == Label.THOUGHT).any()
        ran = [call for call in segment.calls if call.executed is not False]
        if thought:
            prose = [n for c in ran for n in c.arguments if content_of(c.tool, n, c.arguments) == "prose"]
            assert not ran or prose, segment
        else:
            assert ran or not segment.calls or not segment.text, segment


def test_whitespace_and_decoration_consist_of_the_right_characters(actions):
    for segment in actions:
        labels = annotate(segment)
        text = np.array(list(segment.text))
        assert set(text[labels == Label.DECORATION]) <= set("-=#*~_+")
        blank = set(text[labels == Label.WHITESPACE])
        assert all(c.isspace() or c in "\\nrtu0123456789abcdef" for c in blank)  # or an escape of a blank


def test_removing_comments_from_python_leaves_an_equal_tree(commands, actions, capsys):
    """The comments are also those that Python's own tokenizer finds, without the pragmas."""
    n, n_comments, same = 0, 0, 0
    for fragment in [*fragments(commands), *file_texts(actions)]:
        tree = parsed(fragment.code)
        if tree is None:
            continue
        left = parsed(fragment.without_comments())
        assert left is not None, fragment.code
        assert ast.dump(left) == ast.dump(tree), fragment.code
        expected = comments_by_tokenizer(fragment.code)
        n, n_comments = n + 1, n_comments + len(expected)
        same += expected == comments_by_label(fragment)
    assert n > 0
    with capsys.disabled():
        sys.stdout.write(
            f"\n  python: {n} fragments have an equal tree without their comments; {same} of them have exactly"
        )
        sys.stdout.write(f" the comments\n  of Python's own tokenizer, {n_comments} in all\n")
    assert same == n


@pytest.mark.end_to_end
def test_bash_still_accepts_a_command_without_its_comments(commands, capsys):
    """Only commands with a comment are checked with `bash -n`. The others do not change."""
    n, n_accepted = 0, 0
    for command in commands:
        labels = label_code(command, "bash", Budget())
        if (labels == Label.COMMENT).any():
            n += 1
            if accepted(command):
                n_accepted += 1
                assert accepted(Fragment(command, labels).without_comments()), command
    with capsys.disabled():
        sys.stdout.write(f"\n  bash: of {len(commands)} commands {n} have comments; bash accepts {n_accepted} of these")
        sys.stdout.write(", and still without the comments\n")
    assert n_accepted > 0


def fragments(commands: list[str]) -> list[Fragment]:
    """Python in heredocs and after `python -c`, found with regular expressions, without the shell's escapes."""
    found = []
    for command in commands:
        labels = label_code(command, "bash", Budget())
        for match in HEREDOC.finditer(command):
            line_start = command.rfind("\n", 0, match.start()) + 1
            line = command[line_start : match.start()] + match.group(3)
            if re.search(r"\.pyi?\b|\bpython[\d.]* (-u )?-?\s*$", line):
                found.append(unescaped(command, labels, match.span(4), "" if match.group(1) else r"\\[\\$`\n]"))
        for match in SCRIPT.finditer(command):
            single = match.group(1) is not None
            found.append(unescaped(command, labels, match.span(1 if single else 2), "" if single else r'\\["\\$`\n]'))
    return found


def unescaped(command: str, labels: np.ndarray, span: tuple[int, int], escape: str) -> Fragment:
    keep = np.zeros(len(command), bool)
    keep[slice(*span)] = True
    for match in re.compile(escape).finditer(command, *span) if escape else ():
        keep[match.start()] = False
        keep[match.start() + 1] = match.group() != "\\\n"  # both characters of a continued line are dropped
    return Fragment("".join(c for c, kept in zip(command, keep, strict=True) if kept), labels[keep])


def file_texts(actions: list[Segment]) -> list[Fragment]:
    """Python texts of editor calls. Each is labelled inside an XML-like call, which has no escapes."""
    found = []
    for call in (call for segment in actions for call in segment.calls):
        path = str(call.arguments.get("path", call.arguments.get("file_path", "")))
        for name in ("file_text", "new_str", "content"):
            value = call.arguments.get(name)
            if isinstance(value, str) and path.endswith(".py"):
                text = f"<function={call.tool}><parameter=path>{path}</parameter><parameter={name}>{value}</parameter>"
                labels = annotate(Segment("action", text, generated=True, calls=(call,)))
                start = text.index(value, text.index(f"<parameter={name}>"))
                found.append(Fragment(value, labels[start : start + len(value)]))
    return found


def parsed(code: str) -> ast.AST | None:
    try:
        with warnings.catch_warnings():  # about escapes in strings
            warnings.simplefilter("ignore")
            return ast.parse(code)
    except (SyntaxError, ValueError):
        return None


def comments_by_tokenizer(code: str) -> set[str]:
    tokens = tokenize.generate_tokens(io.StringIO(code).readline)
    found = [token.string for token in tokens if token.type == tokenize.COMMENT]
    return {json.dumps(text) for text in found if not pragma("python").match(text)}


def comments_by_label(fragment: Fragment) -> set[str]:
    marks = "".join("c" if label == Label.COMMENT else "." for label in fragment.labels)
    return {json.dumps(fragment.code[m.start() : m.end()]) for m in re.finditer("c+", marks)}


def accepted(command: str) -> bool:
    run = subprocess.run(["bash", "-n"], input=command.encode("utf-8", "replace"), capture_output=True, check=False)
    return run.returncode == 0
