"""Attacks on the labels: repeated patterns in each language, and nested shell scripts.

The target of a text of up to 1 MB is 2 s of CPU time and 500 MB to read and label it, and that the process survives.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.attack import inputs
from benchmarks.attack.cases import ask_all
from benchmarks.attack.limits import Limits
from benchmarks.attack.table import Room, attack

SECONDS, MEGABYTES = 2.0, 500
LENGTHS = (3_000, 48_000)
"""No text of more than 50 000 characters is parsed."""
MARKS = "\n# // -- /* <!-- x"
"""Marks of comments in all languages. A text without one is not parsed."""
LONGER = (200_000, 1_000_000)
"""Lengths of `LONG_PATTERNS`."""
SMALL_LENGTHS = (12_000,)
ENDINGS = (
    "py", "js", "ts", "tsx", "java", "c", "cpp", "go", "rs", "rb", "php", "sql", "html", "css", "json", "yaml", "toml",
    "Makefile", "sh",
)  # fmt: skip
PATTERNS = (
    "x=>", "/* ", "a?", "(", "[", "{", "<", "<a ", "<a>", "</", "'", '"', '"""', "`", "${", "$(", "`$(", "\\", "#",
    "//", "--", "/**", "<!--", "<?php ", "a.", "a::", "a<", "a<b>(", "&", "|", "||", "&&", ";", ",", ":", "- ", "? ",
    "a: ", "&a ", "*a ", "!", "-", "+", "=", "==", "a=", "async ", "if(", "if ", "for ", "else ", "elif ", "case ",
    "match ", "fn ", "def ", "class ", "struct ", "template<", "#if\n", "#define a ", "@", "@a ", "lambda:",
    "not ", "await ", "yield ", "return ", "f'{", "f\"{", "r#", "r#\"", "<<A\n", "<<'A'\n", "\n", "\r\n", "\t", " ",
    "\n  ", "\n- ", "\x00", "\ufeff", "é", "漢", "😀", "\u3164", "%w(", "do\n", "begin\n", "begin ", "SELECT ",
    "(SELECT ", "lambda x:", "CASE WHEN ", "a,", "(a,", "->", "=>", "a->", "a[", "a(", "a{", "!a", "~", "^", "%{",
    "case a in a) ", "((", "[[ ", "{ ", "function a ", "a() ", "a()", "\"$(", "x y\n", "1", "0x", "1e", "::", "..",
    "...", "<T,", "(T)", "(int)",
)  # fmt: skip
LONG_PATTERNS = ("x=>", "/* ", "(", "<a ", '"', "\n", "\x00", "😀", "a: ", "<<A\n")
SMALL_PATTERNS = ("x=>", "/* ", "a?", "(", "<a ", "`$(")


def case(value: dict[str, Any]) -> int:
    """Read the file, render and label its run; return the number of characters. This runs in the worker."""
    from lm_eval_hesnr.labelling.render import transcript
    from lm_eval_hesnr.trajectories.load import load_trajectories

    runs = load_trajectories(Path(value["path"])).trajectories
    return sum(len(transcript(run).text) for run in runs)


def _texts(patterns: tuple[str, ...], lengths: tuple[int, ...]) -> Iterator[tuple[str, str]]:
    for length in lengths:
        for pattern in patterns if length not in LONGER else LONG_PATTERNS:
            yield f"{pattern!r} repeated to {length}", pattern * (length // len(pattern)) + MARKS


def _labelled(room: Room, texts: Iterator[tuple[str, str]], make: Callable[[str], Any]) -> None:
    """Label each text in a worker. Once a pattern is a fault, its longer repetitions are left out."""
    path = room.folder / "one.jsonl"
    failed: set[str] = set()
    worst = (0.0, 0.0, "")

    def _cases() -> Iterator[tuple[str, Any]]:
        for name, text in texts:
            pattern = name.partition(" repeated ")[0]
            if pattern not in failed:
                failed.add(pattern)  # until its answer is good
                inputs.write_rows(path, [make(text)])
                yield name, {"path": str(path)}

    limits = Limits(seconds=20, megabytes=2000)
    for name, answer in ask_all(room, "parsers", _cases(), limits):
        worst = max(worst, (answer.seconds, answer.growth, name))
        if answer.seconds > SECONDS or answer.growth > MEGABYTES:
            room.fault(f"{name}: {answer.seconds:.1f} s of CPU time, {answer.growth:.0f} MB")
        else:
            failed.discard(name.partition(" repeated ")[0])
    room.notes.append(f"slowest {worst[0]:.2f} s, {worst[1]:.0f} MB: {worst[2]}")


def _grammar(ending: str) -> Callable[[Room], None]:
    def _work(room: Room) -> None:
        texts = _texts(SMALL_PATTERNS, SMALL_LENGTHS) if room.small else _texts(PATTERNS, LENGTHS + LONGER)
        name = ending if ending == "Makefile" else f"a.{ending}"
        _labelled(room, texts, lambda text: inputs.file_run(name, text))

    return _work


for _ending in ENDINGS:
    attack("parsers", name=f"patterns in {_ending}", small=_ending in ("java", "go", "sh"), seconds=1500)(
        _grammar(_ending)
    )


@attack("parsers", seconds=1500)
def several_long_texts_in_one_action(room: Room) -> None:
    """Texts just below the limit of one parse, up to 1 MB in one action: all of them have one limit."""
    for ending in ENDINGS:
        patterns = ("~", "!", "-", "not ", "(", "x=>", "a.")
        texts = ((f"{one!r} repeated in {ending}", one * (49_000 // len(one)) + MARKS) for one in patterns)
        _labelled(room, texts, functools.partial(_twenty, f"a.{ending}"))


def _twenty(path: str, text: str) -> dict[str, Any]:
    return inputs.files_run(path, [text] * 20)


@attack("parsers", seconds=1500, small=True)
def patterns_in_a_shell_command(room: Room) -> None:
    """The same patterns as the command of an executed shell action."""
    texts = _texts(SMALL_PATTERNS, SMALL_LENGTHS) if room.small else _texts(PATTERNS, LENGTHS + LONGER)
    _labelled(room, texts, inputs.shell_run)


def _nested(depths: tuple[int, ...]) -> Iterator[tuple[str, str]]:
    """Scripts in scripts in scripts."""
    for depth in depths:
        for name, before, after in (
            ("bash -c in quotes", 'bash -c "$(', ")\"'"),
            ("the input of the issue", "'bash -c \"$('", "')\"'"),
            ("sh -c", "sh -c '", "'"),
            ("bash -lc with an escape", 'bash -lc \\"', '\\"'),
            ("eval", "eval $(", ")"),
            ("backticks", "`\\", "`"),
            ("heredoc", "bash <<E{}\n", "\nE{}\n"),
            ("python -c", "python -c 'import os; os.system(\"", "\")'"),
            ("ssh", "ssh host '", "'"),
            ("xargs", "xargs sh -c '", "'"),
            ("find -exec", "find . -exec sh -c '", "' \\;"),
            ("docker exec", 'docker exec a bash -c "', '"'),
            ("cat into a file", "cat > a.sh <<E{}\n", "\nE{}\n"),
        ):
            numbers = range(depth)
            opened = "".join(before.replace("{}", str(i)) for i in numbers)
            closed = "".join(after.replace("{}", str(i)) for i in reversed(numbers))
            yield f"{name} repeated {depth} deep", f"{opened}ls # x{closed}"


@attack("parsers", small=True, seconds=1500)
def scripts_in_scripts(room: Room) -> None:
    """Each level is a script that is labelled again: the costs of all levels have one limit."""
    _labelled(room, _nested((8, 20) if room.small else (8, 12, 20, 40, 100, 1000, 10_000)), inputs.shell_run)


@attack("parsers", seconds=1500)
def patches_and_edits(room: Room) -> None:
    """Repeated marks of patches, edit blocks and tool calls inside a command or a file."""
    marks = ("*** Begin Patch\n", "*** Update File: a.py\n", "@@ -1 +1 @@\n", "diff --git a b\n", "--- a\n+++ b\n",
             "<<<<<<< SEARCH\n", "=======\n", ">>>>>>> REPLACE\n", "```python\n", "<tool_call>", "<function=",
             "apply_patch <<E\n*** Begin Patch\n", "echo 'a' > b.py\n", "\\n", "\\\\n", "{\"a\": \"", "await tools.",
             "cat <<A <<B\n", "+" * 20 + "\n")  # fmt: skip
    _labelled(room, _texts(marks, LENGTHS), inputs.shell_run)
    _labelled(room, _texts(marks, LENGTHS), lambda text: inputs.file_run("a.patch", text, "apply_patch"))
