"""Generated sessions: small software tasks on real code, in which every command is really executed.

Kinds on Python code: `bug` (a function with a recorded wrong value), `feature` (a missing function), `rename`, `edit`
(a change in the middle of a longer real file, checked by compiling it) and `write` (a new module with a real class).
On other languages: `other` and `new_file`, see `language_sessions`.
"""

from __future__ import annotations

import ast
import random
import re
import tempfile
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from assets_src.tiny_swe_lm import wording
from assets_src.tiny_swe_lm.edits import changed_pieces, make_change
from assets_src.tiny_swe_lm.functions import mutations
from assets_src.tiny_swe_lm.language_sessions import build_new_file, build_other
from assets_src.tiny_swe_lm.projects import PACKAGES, Change, Material, call_text, module_text, test_text, write_project
from assets_src.tiny_swe_lm.sources import SourceFile, is_copyleft, read_text
from assets_src.tiny_swe_lm.steps import (
    begin,
    check_change,
    check_script,
    explore,
    finish,
    reproduce,
    test_command,
    think,
)
from assets_src.tiny_swe_lm.transcript import Transcript

KINDS = {"bug": 0.34, "feature": 0.15, "rename": 0.05, "edit": 0.34, "write": 0.12}
KINDS_OF_TOOLS = {"bug": 0.2, "feature": 0.1, "edit": 0.25, "write": 0.1, "other": 0.25, "new_file": 0.1}
KINDS_OF_LANGUAGES = {"other": 0.7, "new_file": 0.3}
GROUPS = ("shell", "tools")


def make_session(material: Material, seed: int, index: int, group: str = "shell") -> str:
    """The transcript of session number `index` of a group.

    The group `shell` is Python with only a shell. The group `tools` has three styles in turn: JSON calls and XML-like
    calls, both with an editor tool, and shell blocks on other languages.
    """
    rng = random.Random(f"{seed}-{'session' if group == 'shell' else group}-{index}")
    style = None if group == "shell" else ("json", "xml", "fence")[index % 3]
    kinds = {None: KINDS, "fence": KINDS_OF_LANGUAGES}.get(style, KINDS_OF_TOOLS) if material.other_files else KINDS
    kind = rng.choices(list(kinds), weights=list(kinds.values()))[0]
    with tempfile.TemporaryDirectory(prefix="tiny_swe_lm_") as folder:
        root = Path(folder) / "w"
        root.mkdir()
        transcript = Transcript(rng, root, style)
        BUILDERS[kind](transcript, material)
        return transcript.text()


def _words(function: dict, package: str, mod: str, test: str, args: str, value: str, got: str) -> dict[str, str]:
    dotted = mod.removeprefix("src/").removesuffix(".py").replace("/", ".")
    call = args.replace(",)", ")")
    return {
        "fn": function["name"], "pkg": package, "test": test, "dotted": dotted, "call": call, "expected": value,
        "got": got, "params": ", ".join(function["args"]),
    }  # fmt: skip


def _bug(t: Transcript, material: Material) -> None:
    rng = t.rng
    function, functions, package, mod, test = write_project(t, material)
    bug = rng.choice(function["bugs"])
    broken = [{**item, "source": bug["source"]} if item is function else item for item in functions]
    args, _, got = rng.choice(bug["changed"])
    calls = dict(function["calls"])
    value = calls.get(args)
    if value is None:
        args, value = function["calls"][0]
    before, after = module_text(broken), module_text(functions)
    words = _words(function, package, mod, test, args, value, got)
    change = Change(mod=mod, before=before, after=after, old=bug["source"], new=function["source"], words=words)
    old, new = changed_pieces(change, 0)
    if "\n" not in old.strip() and "\n" not in new.strip() and old.strip() and new.strip():
        words.update(wrong=old.strip(), right=new.strip())
    (t.root / mod).write_text(before)
    (t.root / test).write_text(test_text(rng, words["dotted"], functions))
    submit = begin(t, rng.choice(wording.BUG_ISSUES).format(**words, mod=mod))
    explore(t, change)
    if rng.random() < 0.4:
        t.act(
            think(t, wording.VIEW_TESTS, change),
            rng.choice([f"cat {test}", f"head -40 {test}", f'grep -n "{function["name"]}" {test}']),
        )
    command, leftover = reproduce(t, change, words["dotted"], function, args, value)
    make_change(t, change, wording.FIX)
    check_change(t, change)
    t.act(think(t, wording.VERIFY, change), command)
    _after_change(t, change, function, words, test)
    finish(t, change, submit, leftover)


def _after_change(t: Transcript, change: Change, function: dict, words: dict[str, str], test: str) -> None:
    rng = t.rng
    if rng.random() < 0.4:
        calls = rng.sample(function["calls"], min(len(function["calls"]), rng.choice([2, 3, 4])))
        text = check_script(t, words["dotted"], function, calls)
        for command, next_thought in t.python_script(text, rng.choice(["test_edge_cases.py", "check.py"])):
            t.act(next_thought or think(t, wording.EDGES, change), command)
    if rng.random() < 0.3:
        args, value = rng.choice(function["calls"])
        name = f"test_{function['name'].strip('_')}_regression"
        body = f"\n\ndef {name}():\n    assert {call_text(function, args)} == {value}\n"
        t.act(think(t, wording.ADD_TEST, change), t.heredoc(test, body, append=True))
    t.act(think(t, wording.TESTS, change), test_command(t, test))


def _feature(t: Transcript, material: Material) -> None:
    rng = t.rng
    function, functions, package, mod, test = write_project(t, material)
    functions = [item for item in functions if item is not function] + [function]
    header = function["source"].split(":\n")[0] + ":"
    stub = rng.random() < 0.6 and "\n" not in header
    placeholder = f"{header}\n    raise NotImplementedError"
    old = [{**function, "source": placeholder}] if stub else []
    after = module_text(functions)
    before = (
        module_text([*functions[:-1], *old]) if stub else after[: after.rindex(function["source"])].rstrip("\n") + "\n"
    )
    args, value = rng.choice(function["calls"])
    words = _words(function, package, mod, test, args, value, "NotImplementedError" if stub else "ImportError")
    change = Change(
        mod=mod, before=before, after=after, old=placeholder if stub else "", new=function["source"], words=words
    )
    (t.root / mod).write_text(before)
    (t.root / test).write_text(test_text(rng, words["dotted"], functions))
    issues = wording.FEATURE_ISSUES[:2] if stub else wording.FEATURE_ISSUES[::2]
    submit = begin(t, rng.choice(issues).format(**words, mod=mod))
    explore(t, change)
    t.act(think(t, wording.VIEW_TESTS, change), rng.choice([f"cat {test}", test_command(t, test)]))
    if not stub and rng.random() < 0.7:
        t.act(think(t, wording.WRITE, change), t.heredoc(mod, "\n\n" + function["source"] + "\n", append=True))
        (t.root / mod).write_text(after)
    else:
        make_change(t, change, wording.WRITE)
    check_change(t, change)
    _after_change(t, change, function, words, test)
    finish(t, change, submit, None)


def _rename(t: Transcript, material: Material) -> None:
    rng = t.rng
    function, functions, package, mod, test = write_project(t, material)
    name = function["name"]
    new = rng.choice(
        [f"get_{name}", f"compute_{name}", f"{name}_value", name.strip("_") + "_impl", "safe_" + name.strip("_")]
    )
    text = module_text(functions)
    args, value = function["calls"][0]
    words = {**_words(function, package, mod, test, args, value, ""), "new": new}
    after = re.sub(rf"\b{name}\b", new, text)
    change = Change(mod=mod, before=text, after=after, old=name, new=new, words=words)
    (t.root / mod).write_text(text)
    (t.root / test).write_text(test_text(rng, words["dotted"], functions))
    submit = begin(t, rng.choice(wording.RENAME_ISSUES).format(**words))
    explore(t, change)
    folder = "src tests" if mod.startswith("src/") else f"{package} tests"
    commands = [
        f"grep -rl '{name}' {folder} | xargs sed -i 's/\\b{name}\\b/{new}/g'",
        f"sed -i 's/\\b{name}\\b/{new}/g' {mod} {test} {Path(mod).parent}/__init__.py",
        f'find . -name "*.py" -exec sed -i "s/\\b{name}\\b/{new}/g" {{}} +',
    ]
    t.act(f"Now I'll rename `{name}` to `{new}` in all the files that use it.", rng.choice(commands))
    t.act(
        rng.choice(["Let me make sure that no old name is left.", "Check for remaining usages."]),
        f'grep -rn "\\b{name}\\b" {folder}',
    )
    check_change(t, change)
    t.act(think(t, wording.TESTS, change), test_command(t, test))
    finish(t, change, submit, None)


def _pick_definition(rng: random.Random, text: str) -> tuple[ast.FunctionDef, str] | None:
    """A random function or method of moderate length, with its dotted name."""
    tree = ast.parse(text)
    found = [(node, node.name) for node in tree.body if isinstance(node, ast.FunctionDef)]
    for top in tree.body:
        if isinstance(top, ast.ClassDef):
            found += [(node, f"{top.name}.{node.name}") for node in top.body if isinstance(node, ast.FunctionDef)]
    fit = [(node, name) for node, name in found if 5 <= (node.end_lineno or 0) - node.lineno <= 40]
    return rng.choice(fit) if fit else None


def _pick_class(rng: random.Random, text: str) -> ast.ClassDef | None:
    """A random top-level class of moderate length."""
    fit = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
    fit = [node for node in fit if 12 <= (node.end_lineno or 0) - node.lineno <= 90]
    return rng.choice(fit) if fit else None


def _draw(
    rng: random.Random, material: Material, pick: Callable[[random.Random, str], Any]
) -> tuple[SourceFile, str, Any]:
    """A random file of useful size in which `pick` finds something, the text of the file, and the result of `pick`."""
    while True:
        file = rng.choice(material.files)
        text = read_text(file.path)
        if text is None or not 1500 <= len(text) <= 40_000:
            continue
        try:
            picked = pick(rng, text)
        except (SyntaxError, ValueError):
            continue
        if picked:
            return file, text, picked


def _edit(t: Transcript, material: Material) -> None:
    rng = t.rng
    file, text, (node, name) = _draw(rng, material, _pick_definition)
    lines = text.splitlines(keepends=True)
    good = "".join(lines[node.lineno - 1 : node.end_lineno])
    before_text = _worse_version(rng, good)
    head, tail = "".join(lines[: node.lineno - 1]), "".join(lines[node.end_lineno :])
    mod = "/".join(file.name.split("/")[-3:])
    path = t.root / mod
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(head + before_text + tail)
    for neighbour in rng.sample(material.files, 3):
        other = path.parent / Path(neighbour.name).name
        small = neighbour.path.stat().st_size < 30_000
        if small and not other.exists() and not is_copyleft(neighbour.path):
            other.write_bytes(neighbour.path.read_bytes())
    doc = ast.get_docstring(node)
    change = Change(
        mod=mod, before=head + before_text + tail, after=text, old=before_text, new=good,
        words={"fn": node.name, "pkg": mod.split("/")[0]},
    )  # fmt: skip
    old, new = changed_pieces(change, 0)
    if old.strip() and new.strip() and "\n" not in (old.strip() + new.strip()):
        change.words.update(wrong=old.strip(), right=new.strip())
    summary = f"\n\nIts documentation says:\n\n{textwrap.indent(_first_paragraph(doc), '    ')}" if doc else ""
    issue = rng.choice([
        f"`{name}` in `{mod}` does the wrong thing in some cases{summary}\n\nPlease correct it.",
        f"Bug in {name}\n\nThe behavior of `{name}` ({mod}) differs from what is documented.{summary}",
        f"{name} broken on main\n\nSince the last change to {mod}, `{name}` gives wrong results.{summary}",
    ])  # fmt: skip
    submit = begin(t, issue)
    explore(t, change)
    if rng.random() < 0.5:
        usage = [
            f'grep -rn "{node.name}(" .',
            f'grep -n "class \\|def " {mod} | head -40',
            f'grep -n "import" {mod}',
            f"wc -l {mod}",
        ]
        t.act(f"Let me see how `{node.name}` is used.", rng.choice(usage))
    make_change(t, change, wording.FIX if change.words.get("wrong") else wording.WRITE)
    check_change(t, change)
    checks = [
        f"{t.python} -m py_compile {mod}",
        f"{t.python} -c \"import ast; ast.parse(open('{mod}').read()); print('OK')\"",
        "git diff",
    ]
    t.act(
        rng.choice(["Let me make sure the file still compiles.", "Check the syntax of the file."]), rng.choice(checks)
    )
    finish(t, change, submit, "fix.py")


def _write(t: Transcript, material: Material) -> None:
    rng = t.rng
    file, text, node = _draw(rng, material, _pick_class)
    imports = [
        ast.get_source_segment(text, top) or ""
        for top in ast.parse(text).body
        if isinstance(top, ast.Import | ast.ImportFrom) and any(name in ast.unparse(node) for name in _bound_names(top))
    ]
    decorated = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    body = "\n".join(text.splitlines()[decorated - 1 : node.end_lineno])
    module = ("\n".join(imports) + "\n\n\n" if imports else "") + body + "\n"
    package = rng.choice(PACKAGES)
    stem = Path(file.name).stem.strip("_") or "core"
    mod = f"{package}/{stem}.py"
    (t.root / package).mkdir()
    (t.root / package / "__init__.py").write_text("")
    (t.root / "README.md").write_text(f"# {package}\n")
    doc = _first_paragraph(ast.get_docstring(node) or "")
    methods = ", ".join(f"`{item.name}`" for item in node.body if isinstance(item, ast.FunctionDef))
    change = Change(mod=mod, before="", after=module, old="", new=module, words={"fn": node.name, "pkg": package})
    issue = f"Add a class `{node.name}` in a new module `{mod}`\n\n{doc}\n\nIt should have these methods: {methods}."
    submit = begin(t, issue)
    t.act(
        think(t, wording.LOOK, change),
        rng.choice(["ls -la", "ls -R", f"find . -name '*.py' && cat {package}/__init__.py"]),
    )
    t.write_file(think(t, wording.WRITE, change), mod, module)
    check = rng.choice([f"{t.python} -m py_compile {mod}", f'{t.python} -c "from {package}.{stem} import {node.name}"'])
    t.act(rng.choice(["Let me check that the module can be used.", "Check the syntax of the new file."]), check)
    export = f'from .{stem} import {node.name}\n\n__all__ = ["{node.name}"]\n'
    t.act(f"Now export `{node.name}` from the package.", t.heredoc(f"{package}/__init__.py", export))
    finish(t, change, submit, None)


def _first_paragraph(doc: str) -> str:
    return doc.split("\n\n")[0]


def _bound_names(node: ast.Import | ast.ImportFrom) -> list[str]:
    return [(alias.asname or alias.name).split(".")[0] for alias in node.names]


def _worse_version(rng: random.Random, good: str) -> str:
    """The definition with one token changed, or with its last lines replaced by a comment."""
    indent = good[: len(good) - len(good.lstrip())]
    worse: list[str] = []
    if rng.random() < 0.6:
        try:
            worse = [textwrap.indent(item, indent) for item in mutations(textwrap.dedent(good), rng)]
        except (SyntaxError, ValueError, IndentationError):
            worse = []
    worse = [item for item in worse if item != good and item.strip()]
    if worse:
        return rng.choice(worse)
    lines = good.splitlines(keepends=True)
    keep = rng.randrange(2, max(3, len(lines) - 2))
    last = lines[keep - 1]
    body_indent = last[: len(last) - len(last.lstrip())]
    return "".join(lines[:keep]) + f"{body_indent or indent}# TODO: handle the remaining cases\n"


BUILDERS = {
    "bug": _bug,
    "feature": _feature,
    "rename": _rename,
    "edit": _edit,
    "write": _write,
    "other": build_other,
    "new_file": build_new_file,
}
