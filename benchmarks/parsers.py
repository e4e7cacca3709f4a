"""Cost of labelling hostile actions: every grammar with repeated patterns, and many values in one action.

    python benchmarks/parsers.py [--out FILE] [--random N] [--only NAME]

Every case is one action, labelled in a process of its own with a limit on memory and time. A case that is already in
FILE is not run again, so an interrupted call is continued. The table shows the worst cases of each grammar and each
shape: process time, memory in addition to that of the started process, and the number of cases that were not parsed
completely. The exit status is 1 if a case needs more than the allowed time or memory, or ends with an error. All cases
take hours; `--only shapes` takes two minutes. It needs Linux.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

from parser_patterns import FILES, KNOWN, TOKENS, random_patterns

from lm_eval_hesnr.labelling.annotate import annotate
from lm_eval_hesnr.labelling.budget import Budget
from lm_eval_hesnr.labelling.languages import GRAMMARS, parser
from lm_eval_hesnr.trajectories.schema import Call, Segment

ALLOWED_S = 2.0
ALLOWED_MB = 500
LIMIT_S = 60
LIMIT_BYTES = 4 * 2**30
LENGTH = 2**20
"""Characters of the longest texts."""
LENGTHS = (450, 1_400, 2_800, 5_000, 15_000, 49_900)
"""Lengths of one text: around the places where the limits of a parse begin, and just under the limit of its length."""
SMALL = (400, 1_400, 2_800, 15_000, 49_900)
"""Lengths of the values if the action contains many: together they have `LENGTH` characters."""


class Case(NamedTuple):
    """One action to label."""

    group: str
    name: str
    make: Callable[[], Segment]


class Result(NamedTuple):
    """What one case cost."""

    group: str
    name: str
    seconds: float
    mb: float
    unparsed: int
    error: str


def action(text: str, *calls: tuple[str, dict[str, Any]]) -> Segment:
    """An action that a model wrote."""
    return Segment("action", text, generated=True, calls=tuple(Call(tool, values, True) for tool, values in calls))


def xml(tool: str, values: dict[str, str]) -> str:
    """A call with values without escapes."""
    inside = "".join(f"<parameter={name}>{value}</parameter>" for name, value in values.items())
    return f"<function={tool}>{inside}</function>"


def files(language: str, texts: list[str]) -> Segment:
    """An action that writes texts in one language, each with a mark of a comment at its end."""
    mark = GRAMMARS[language].marks[0]
    start = "<?php " if language == "php" else ""
    texts = [f"{start}{text}\n{mark}" for text in texts]
    if language == "bash":
        calls = [("bash", {"command": text}) for text in texts]
    else:
        calls = [("write_file", {"path": FILES[language], "content": text}) for text in texts]
    return action("".join(xml(tool, values) for tool, values in calls), *calls)


def repeated(pattern: str, length: int) -> str:
    """The pattern, repeated to a length."""
    return (pattern * (length // len(pattern) + 1))[:length]


def grammar_cases(patterns: list[str]) -> Iterator[Case]:
    """Every grammar with every pattern: one text of each length, and many texts in one action."""
    for language in GRAMMARS:
        for pattern in patterns:
            for length in LENGTHS:
                yield Case(
                    language,
                    f"{pattern!a} {length}",
                    lambda language=language, pattern=pattern, n=length: files(language, [repeated(pattern, n)]),
                )
            for length in SMALL:
                yield Case(
                    language,
                    f"{pattern!a} {LENGTH // length} x {length}",
                    lambda language=language, pattern=pattern, n=length: files(
                        language, [repeated(pattern, n)] * (LENGTH // n)
                    ),
                )


def shape_cases() -> Iterator[Case]:
    """Actions whose form is costly: nesting, many calls, many values, hunks in many languages."""
    for name, make in SHAPES.items():
        yield Case("shapes", name, make)


def _shell(command: str) -> Segment:
    return action(f"```bash\n{command}\n```", ("bash", {"command": command}))


def _patch(hunk: str) -> Segment:
    languages = sorted(FILES.values())
    n = LENGTH // (len(hunk) + 30)
    text = "".join(f"--- a/{f}\n+++ b/{f}\n@@ -1 +1 @@\n{hunk}" for f in (languages * (n // len(languages) + 1))[:n])
    return action(text, ("apply_patch", {"input": text}))


def _as_json(n: int, arguments: Callable[[int], dict[str, Any]], *, one_call: bool = False) -> Segment:
    calls = [("write_file", arguments(i)) for i in range(n)]
    text = "".join(f"<tool_call>{json.dumps({'name': t, 'arguments': v})}</tool_call>\n" for t, v in calls)
    return action(text, *(calls[:1] if one_call else calls))


def _verbatim(n: int, *, found: bool) -> Segment:
    calls = [("tool", {f"key{i}": f"value {i} of {n}"}) for i in range(n)]
    text = "call:\n" + "\n".join(str(values) if found else "x" * 30 for _, values in calls)
    return action(text, *calls)


SHAPES: dict[str, Callable[[], Segment]] = {
    **{
        f'nested bash -c "$( {n}': lambda n=n: _shell('bash -c "$(' * n + "ls # c" + ')"' * n)
        for n in (30, 60, 260, 4_000)
    },
    "nested bash -c '$(python -c": lambda: _shell("bash -c \"$(python -c \"$(" * 900 + "1 # c" + ')")"' * 900),
    "nested heredocs": lambda: _shell("".join(f"bash <<'A{i}'\n" for i in range(3000)) + "# c"),
    "many heredocs": lambda: _shell("cat <<A >a.py\n# c\nA\n" * 2_400),
    "many heredocs of no language": lambda: _shell("cat <<A\n# c\nA\n" * 3_500),
    "heredocs in one line": lambda: _shell("".join(f"cat <<A{i} " for i in range(5_000)) + "\n# c"),
    "many scripts": lambda: _shell("python -c '# c'\n" * 3_000),
    "one command with many flags": lambda: _shell("python" + " -c 'x'" * 6_000),
    "many backticks": lambda: _shell("`# c`\n" * 8_000),
    "redirections with digits": lambda: _shell("\n" + ">a1" * 60 + " x <<A\n# c\nA\n"),
    "redirections with digits, many": lambda: _shell(("\n" + ">a1" * 60 + " x <<A\n# c\nA\n") * 240),
    "braces": lambda: _shell("${a" * 10_000 + " # c"),
    "patch, small hunks": lambda: _patch("+a // # c\n"),
    "patch, large hunks": lambda: _patch("-x=>\n+/* # //\n" * 200),
    "patch, only hunk headers": lambda: _patch("@@ \n+a\n" * 10),
    "edit blocks": lambda: action(
        text := "<<<<<<< SEARCH\n# a\n=======\n# b\n>>>>>>> REPLACE\n" * (LENGTH // 50),
        ("replace_in_file", {"path": "a.py", "diff": text}),
    ),
    "code mode": lambda: action(
        text := 'tools.exec_command({cmd: "ls # c"});' * 1_300, ("exec", {"input": text})
    ),
    "code mode, nested": lambda: action(
        text := "tools.a(" * 900 + '"x"' + ")" * 900, ("exec", {"input": text})
    ),
    "code mode, sums": lambda: action(
        text := "tools.a(" + '"a"+x+' * 8_000 + '"x")', ("exec", {"input": text})
    ),
    "code mode, one list": lambda: action(
        text := "tools.a({command: [" + '"a",' * 12_000 + "]})", ("exec", {"input": text})
    ),
    "json, many calls": lambda: _as_json(10_000, lambda i: {"path": "a.py", "content": f"# {i}"}),
    "json, many keys in many calls": lambda: _as_json(10_000, lambda i: {f"k{i}": "a # b"}, one_call=True),
    "json, calls x keys": lambda: action(
        json.dumps([{f"key{i}": "value"} for i in range(20_000)]), *(("t", {f"arg{i}": "v"}) for i in range(20_000))
    ),
    "json, one call with many values": lambda: action(
        text := json.dumps({f"content{i}": "a # b" for i in range(30_000)}), ("write_file", json.loads(text))
    ),
    "json, one call with a path and many texts": lambda: action(
        text := json.dumps({"edits": [{"new_str": "# a", "path": "a.py"} for i in range(20_000)]}),
        ("edit", json.loads(text)),
    ),
    "json, many numbers": lambda: action(text := "[" + "1," * (LENGTH // 2) + "1]", ("tool", {"a": json.loads(text)})),
    "json, many empty objects": lambda: action(
        text := "[" + "{}," * (LENGTH // 3) + "{}]", ("tool", {"a": json.loads(text)})
    ),
    "json, deep": lambda: action("[" * 900 + "1" + "]" * 900, ("tool", {"a": 1})),
    "json in json": lambda: action(
        text := json.dumps({"name": "a", "arguments": json.dumps({f"k{i}": "x # y" for i in range(30_000)})}),
        ("a", {"k": text}),
    ),
    "json in bash": lambda: _shell("echo '" + json.dumps([{"a": "# b"}] * 3_000) + "' # c"),
    "xml, many values": lambda: action(
        text := xml("write_file", {f"content{i}": "# a" for i in range(20_000)}), ("write_file", {"content": text})
    ),
    "xml, many calls": lambda: action(xml("write_file", {"path": "a.py", "content": "# a"}) * 12_000),
    "verbatim, values found": lambda: _verbatim(20_000, found=True),
    "verbatim, values missing": lambda: _verbatim(20_000, found=False),
    "verbatim, costly search": lambda: action(
        "<" + "a" * LENGTH, *(("tool", {"a" * 90 + str(i): "a" * 90 + "b"}) for i in range(10_000))
    ),
    "verbatim, one call": lambda: action(
        "call\n" + "\n".join(f"value {i}" for i in range(50_000)),
        ("write_file", {f"content{i}": f"value {i}" for i in range(50_000)}),
    ),
    "text of blanks": lambda: _shell("a " * (LENGTH // 2)),
    "text of rules": lambda: _shell("--- " * (LENGTH // 4)),
    "text of signs": lambda: _shell("#" * LENGTH),
    "marks of conflicts": lambda: _shell("<<<<<<<\n=======\n" * (LENGTH // 16)),
    "html, scripts": lambda: files("html", ["<script>// c</script>" * 2_300]),
    "html, attributes": lambda: files("html", ["<a b='// ---'>" * 3_500]),
    "php, text": lambda: files("php", ["<?php // c ?><!-- c -->" * 2_100]),
    "php, heredocs": lambda: files("php", ["".join(f"<<<A{i}\n// c\nA{i};\n" for i in range(2_200))]),
    "make, values": lambda: files("make", ["a=b#c\n" * 8_000]),
}  # fmt: skip


def measured(case: Case) -> Result:
    """Label the action of a case in a new process."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_label, args=(case, theirs))
    process.start()
    theirs.close()
    try:
        found = ours.recv() if ours.poll(LIMIT_S) else (LIMIT_S, 0, 0, "not finished")
    except EOFError:
        process.join()
        found = (0, 0, 0, f"ended with exit status {process.exitcode}")
    process.kill()
    process.join()
    return Result(case.group, case.name, *found)


def _label(case: Case, connection: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))
    segment, budget = case.make(), Budget()
    Path("/proc/self/clear_refs").write_text("5")  # the peak of the memory begins again
    before, start = _peak_mb(), process_time()
    try:
        labels = annotate(segment, budget)
        error = "" if len(labels) == len(segment.text) else "wrong length"
    except Exception as problem:
        error = repr(problem)[:200]
    connection.send((process_time() - start, _peak_mb() - before, budget.n_unparsed, error))


def _peak_mb() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def results_of(cases: Iterator[Case], out: Path) -> Iterator[Result]:
    """The results of all cases: from the file, or measured and added to it."""
    lines = out.read_text(encoding="utf-8").splitlines() if out.exists() else []
    known = {(row[0], row[1]): Result(*row) for row in map(json.loads, lines)}
    with out.open("a", encoding="utf-8") as file:
        for case in cases:
            result = known.get((case.group, case.name)) or measured(case)
            if (case.group, case.name) not in known:
                file.write(json.dumps(result) + "\n")
                file.flush()
            yield result


def is_over(result: Result) -> bool:
    """Whether a case cost more than allowed."""
    return bool(result.error) or result.seconds > ALLOWED_S or result.mb > ALLOWED_MB


def main(argv: list[str] | None = None) -> int:
    """Print the table. Return 1 if a case cost more than allowed."""
    options = argparse.ArgumentParser(description="Cost of labelling hostile actions.")
    options.add_argument("--out", type=Path, default=Path("parsers.jsonl"), help="results (default: %(default)s)")
    options.add_argument("--random", type=int, default=0, metavar="N", help="try N random patterns too")
    options.add_argument("--only", metavar="NAME", help="only one grammar, or `shapes`")
    given = options.parse_args(argv)
    for language in GRAMMARS:
        parser(language).parse(b"")  # load the grammar once
    patterns = [*KNOWN, *TOKENS, *random_patterns(given.random)]
    cases = (case for cases in (shape_cases(), grammar_cases(patterns)) for case in cases)
    by_group: dict[str, list[Result]] = {}
    for result in results_of((case for case in cases if given.only in (None, case.group)), given.out):
        by_group.setdefault(result.group, []).append(result)
        if is_over(result):
            print("over the limit:", *result)
    print(f"\n{'':12} {'cases':>6} {'unparsed':>8} {'seconds':>8}  {'worst case':42} {'MB':>6}  worst case")
    for group, results in by_group.items():
        slow, large = (max(results, key=key) for key in (lambda r: r.seconds, lambda r: r.mb))
        unparsed = sum(result.unparsed > 0 for result in results)
        counts = f"{group:12} {len(results):6} {unparsed:8}"
        print(f"{counts} {slow.seconds:8.2f}  {slow.name:42} {large.mb:6.0f}  {large.name}")
    return int(any(is_over(result) for results in by_group.values() for result in results))


if __name__ == "__main__":
    sys.exit(main())
