"""Self-contained functions from real code, with recorded calls and realistic one-line bugs.

A function qualifies if it needs only builtins and a few harmless standard modules. It is called with guessed
arguments, and calls that return a plain value become its tests. A bug is a small change of its text that changes at
least one recorded value. All functions run in child processes with limits.
"""

from __future__ import annotations

import ast
import builtins
import io
import json
import random
import resource
import signal
import subprocess
import sys
import tokenize
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from assets_src.tiny_swe_lm.sources import SourceFile, iter_code_files, read_text

SAFE_MODULES = {
    "re", "math", "itertools", "functools", "collections", "string", "textwrap", "bisect", "heapq", "operator",
    "datetime", "statistics", "fractions", "decimal", "unicodedata", "json", "typing", "keyword",
}  # fmt: skip
UNSAFE_BUILTINS = {
    "open", "exec", "eval", "input", "print", "compile", "globals", "locals", "vars", "__import__", "exit", "quit",
    "breakpoint", "super", "memoryview", "help", "setattr", "delattr",
}  # fmt: skip
SAFE_BUILTINS = {name for name in dir(builtins) if not name.startswith("_")} - UNSAFE_BUILTINS
SWAPS = {
    "<": ["<=", ">"], "<=": ["<"], ">": [">=", "<"], ">=": [">"], "==": ["!="], "!=": ["=="], "+": ["-"], "-": ["+"],
    "*": ["+"], "//": ["/", "%"], "%": ["//"], "and": ["or"], "or": ["and"], "True": ["False"], "False": ["True"],
    "+=": ["-=", "="], "-=": ["+="], "is": ["is not"], "in": ["not in"], "not": [""], "continue": ["break"],
    "break": ["continue"], "min": ["max"], "max": ["min"], "any": ["all"], "all": ["any"], "append": ["extend"],
    "extend": ["append"], "lstrip": ["strip", "rstrip"], "rstrip": ["strip", "lstrip"], "strip": ["rstrip", "lstrip"],
    "startswith": ["endswith"], "endswith": ["startswith"], "lower": ["upper"], "upper": ["lower"], "split": ["rsplit"],
    "find": ["rfind"], "rfind": ["find"], "len": ["sum"], "sorted": ["list"], "setdefault": ["get"],
    "None": ["0", "False"],
}  # fmt: skip
TEXTS = ["hello world", "a,b,c", "", "Foo_Bar baz", "x = 1", "12", "  padded  ", "/usr/lib/a.py", "abcABC", "one\ntwo"]
INTS = [0, 1, 2, 3, 5, 7, 10, 12, -1, 100]
LISTS = [[], [1, 2, 3], [3, 1, 2], ["a", "b"], [1, 1, 2], [[1, 2], [3, 4]], ["x", "", "yy"], [0.5, 1.5]]
OTHERS = [None, True, False, 1.5, {"a": 1, "b": 2}, {}, (1, 2), {"k": [1]}]
TEXT_NAMES = {"s", "str", "text", "string", "name", "line", "word", "path", "value", "key", "msg", "source", "prefix"}
INT_NAMES = {
    "n",
    "k",
    "m",
    "i",
    "j",
    "size",
    "width",
    "count",
    "num",
    "number",
    "length",
    "start",
    "stop",
    "depth",
    "p",
}
LIST_NAMES = {"seq", "lst", "list", "items", "iterable", "values", "xs", "lines", "args", "words", "data", "l", "parts"}


def free_names(node: ast.FunctionDef) -> set[str]:
    """Names that the function reads but does not bind."""
    bound = {arg.arg for sub in ast.walk(node) if isinstance(sub, ast.arguments) for arg in _all_args(sub)}
    read: set[str] = set()
    for sub in ast.walk(node):
        if isinstance(sub, ast.Name):
            (read if isinstance(sub.ctx, ast.Load) else bound).add(sub.id)
        elif isinstance(sub, ast.FunctionDef | ast.ClassDef | ast.ExceptHandler) and sub.name:
            bound.add(sub.name)
    return read - bound


def _all_args(args: ast.arguments) -> list[ast.arg]:
    extra = [arg for arg in (args.vararg, args.kwarg) if arg]
    return args.posonlyargs + args.args + args.kwonlyargs + extra


def safe_imports(tree: ast.Module) -> dict[str, str]:
    """Import lines of harmless modules, by the name that each of them binds."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name in SAFE_MODULES:
                    suffix = f" as {alias.asname}" if alias.asname else ""
                    found[alias.asname or alias.name] = f"import {alias.name}{suffix}"
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module in SAFE_MODULES:
            for alias in node.names:
                suffix = f" as {alias.asname}" if alias.asname else ""
                found[alias.asname or alias.name] = f"from {node.module} import {alias.name}{suffix}"
    return found


def _local_definitions(tree: ast.Module) -> dict[str, ast.stmt]:
    """Plain functions and literal constants at the top level, by name."""
    found: dict[str, ast.stmt] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.decorator_list:
            found[node.name] = node
        elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            literal = not any(isinstance(sub, ast.Name) for sub in ast.walk(node.value))
            if literal:
                found[node.targets[0].id] = node
    return found


def _closure(node: ast.FunctionDef, local: dict[str, ast.stmt]) -> tuple[set[str], set[str]]:
    """The other local definitions that a function needs, and all remaining names that it and they need."""
    needed_local: set[str] = set()
    other: set[str] = set()
    todo: list[ast.stmt] = [node]
    while todo:
        current = todo.pop()
        if not isinstance(current, ast.FunctionDef):
            continue
        for name in free_names(current) - SAFE_BUILTINS - {node.name}:
            if name not in local:
                other.add(name)
            elif name not in needed_local:
                needed_local.add(name)
                todo.append(local[name])
    return needed_local, other


def self_contained_functions(text: str) -> list[dict]:
    """Top-level functions that need only builtins, harmless imports and a few local definitions, with these."""
    tree = ast.parse(text)
    imports = safe_imports(tree)
    local = _local_definitions(tree)
    found = []
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef) or node.decorator_list or node.name.startswith(("test", "__")):
            continue
        n_lines = (node.end_lineno or node.lineno) - node.lineno + 1
        if not 4 <= n_lines <= 50 or not node.args.args:
            continue
        neighbours, other = _closure(node, local)
        members = sorted((local[name] for name in neighbours), key=lambda member: member.lineno)
        pieces = [ast.get_source_segment(text, member) or "" for member in members]
        local_import = any(
            isinstance(sub, ast.Import | ast.ImportFrom | ast.Global)
            for top in [node, *members]
            for sub in ast.walk(top)
        )
        if local_import or other - imports.keys() or sum(map(len, pieces)) > 4000:
            continue
        required = node.args.args[: len(node.args.args) - len(node.args.defaults)]
        if len(required) <= 4:
            found.append({
                "name": node.name,
                "source": ast.get_source_segment(text, node),
                "imports": sorted(imports[name] for name in other),
                "neighbours": pieces,
                "args": [arg.arg for arg in required] or [node.args.args[0].arg],
            })  # fmt: skip
    return found


def mutations(source: str, rng: random.Random, n_wanted: int = 12) -> list[str]:
    """Copies of the text of a function, each with one token changed or one guard clause removed."""
    spots = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.start[0] == 1:
            continue  # the signature is not changed
        if token.string in SWAPS and token.type in (tokenize.OP, tokenize.NAME):
            spots += [(token, new) for new in SWAPS[token.string]]
        elif token.type == tokenize.NUMBER and token.string.isdigit():
            spots.append((token, str(int(token.string) + rng.choice([1, 1, 2]))))
    rng.shuffle(spots)
    lines = source.splitlines(keepends=True)
    out = []
    for token, new in spots[:n_wanted]:
        row, (start, end) = token.start[0] - 1, (token.start[1], token.end[1])
        line = lines[row]
        tail = line[end:].lstrip() if not new else line[end:]
        out.append("".join([*lines[:row], line[:start] + new + tail, *lines[row + 1 :]]))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.If) and not node.orelse and isinstance(node.body[-1], ast.Return | ast.Raise):
            out.append("".join(lines[: node.lineno - 1] + lines[node.end_lineno :]))
    return out


def guess_args(names: list[str], rng: random.Random) -> list:
    """Arguments for one call, guessed from the names of the parameters."""
    values = []
    for name in names:
        stem = name.lower().strip("_").rstrip("0123456789")
        if stem in TEXT_NAMES:
            pool: list = TEXTS
        elif stem in INT_NAMES:
            pool = INTS
        elif stem in LIST_NAMES:
            pool = LISTS
        else:
            pools: list[list] = [TEXTS, TEXTS, INTS, INTS, LISTS, OTHERS]
            pool = rng.choice(pools)
        values.append(rng.choice(pool))
    return values


def _outcome(function: object, call_args: str) -> tuple[str, str]:
    """(kind, text) of one call: ("value", repr), ("other", repr) or ("error", "Type: message"), also for a timeout."""
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        value = function(*ast.literal_eval(call_args))  # type: ignore[operator]
        text = repr(value)
        plain = len(text) <= 90 and ast.literal_eval(text) == value
        return ("value", text) if plain else ("other", text[:90])
    except BaseException as error:  # code from elsewhere may raise anything; this is its outcome
        return "error", f"{type(error).__name__}: {str(error)[:80]}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _load(source: str, function: dict) -> object:
    namespace: dict = {}
    exec("\n".join([*function["imports"], *function["neighbours"], source]), namespace)
    return namespace[function["name"]]


def examine(function: dict, seed: int) -> dict | None:
    """The function with recorded calls and up to three bugs; None if too little could be recorded."""
    rng = random.Random(f"{seed}-{function['name']}-{len(function['source'])}")
    good = _load(function["source"], function)
    calls: dict[str, str] = {}
    for _ in range(60):
        call_args = repr(tuple(guess_args(function["args"], rng)))
        kind, text = _outcome(good, call_args)
        if kind == "value" and _outcome(good, call_args) == (kind, text):
            calls[call_args] = text
    if len(calls) < 2 or len(set(calls.values())) < 2:
        return None
    bugs = []
    for bad_source in mutations(function["source"], rng):
        try:
            bad = _load(bad_source, function)
        except (SyntaxError, ValueError, NameError):
            continue
        changed = [(args, *_outcome(bad, args)) for args, text in calls.items() if _outcome(bad, args)[1] != text]
        changed = [item for item in changed if item[1] != "error" or "Timeout" not in item[2]]
        if changed:
            bugs.append({"source": bad_source, "changed": changed[:4]})
    picked = rng.sample(list(calls.items()), min(6, len(calls)))
    return {**function, "calls": picked, "bugs": bugs[:3]} if bugs else None


def _child(path: str, seed: int) -> None:
    """Examine the functions of one file and print them as JSON lines. This runs in the child process."""
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
    resource.setrlimit(resource.RLIMIT_CPU, (20, 20))

    def on_alarm(_signum: int, _frame: object) -> None:
        raise TimeoutError("Timeout")

    signal.signal(signal.SIGALRM, on_alarm)
    text = Path(path).read_text(encoding="utf-8")
    for function in self_contained_functions(text):
        try:
            found = examine(function, seed)
        except Exception as error:  # code from elsewhere may fail while it is loaded
            sys.stderr.write(f"{path}: {function['name']}: {error!r}\n")
            continue
        if found:
            sys.stdout.write(json.dumps(found) + "\n")
            sys.stdout.flush()


def collect_functions(seed: int, lines_of_files: Path, n_workers: int = 2) -> list[dict]:
    """All examined functions of the corpus, with `file`, `package` and `held_out`. Each function name occurs once.

    Each examined file adds one line to `lines_of_files`. Files that already have a line are not examined again.
    """
    lines = lines_of_files.read_text().splitlines(keepends=True) if lines_of_files.exists() else []
    lines = [line for line in lines if line.endswith("\n")]  # the last line may be cut off after a kill
    lines_of_files.write_text("".join(lines))
    known: dict[str, list[dict]] = dict(map(json.loads, lines))

    def examined(file: SourceFile) -> list[dict]:
        if file.name in known:
            return known[file.name]
        text = read_text(file.path)
        try:
            if text is None or "\ndef " not in text or not self_contained_functions(text):
                return []
        except (SyntaxError, ValueError):
            return []
        command = [sys.executable, "-W", "ignore", "-m", "assets_src.tiny_swe_lm.functions", str(file.path), str(seed)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        origin = {"file": file.name, "package": file.source, "held_out": file.held_out}
        return [{**json.loads(line), **origin} for line in done.stdout.splitlines() if line.startswith("{")]

    first: dict[str, dict] = {}
    files = list(iter_code_files(seed, within_budget=False))
    with ThreadPoolExecutor(n_workers) as pool, lines_of_files.open("a") as kept:
        for file, items in zip(files, pool.map(examined, files), strict=True):
            if file.name not in known:
                kept.write(json.dumps([file.name, items]) + "\n")
                kept.flush()
            for item in items:
                first.setdefault(item["name"], item)
    return list(first.values())


if __name__ == "__main__":
    _child(sys.argv[1], int(sys.argv[2]))
