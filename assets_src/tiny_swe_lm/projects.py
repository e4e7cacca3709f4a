"""Small packages around real functions: their modules, their tests, and the change that a session makes."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from pathlib import Path

from assets_src.tiny_swe_lm.sources import SourceFile
from assets_src.tiny_swe_lm.transcript import Transcript

PACKAGES = [
    "toolkit", "corelib", "parsekit", "minilib", "textops", "numkit", "flowlib", "datalib", "pyhelpers", "common",
    "querykit", "webutil", "graphlib2", "formatlib", "configlib", "netkit", "storage", "scheduler", "markup",
    "symbolic", "plotting", "cachelib", "taskman", "schema", "geom", "stats",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """The functions and files that the sessions of one split use."""

    functions: list[dict]
    files: list[SourceFile]
    other_files: list[SourceFile]
    """Files in other languages."""


@dataclass(slots=True, kw_only=True)
class Change:
    """One edit that the agent has to make, and the words for the phrases of its session."""

    mod: str
    before: str
    after: str
    old: str
    new: str
    words: dict[str, str]

    @property
    def line(self) -> int:
        """Number of the first changed line, from 1."""
        pairs = zip(self.before.splitlines(), self.after.splitlines(), strict=False)
        for number, (left, right) in enumerate(pairs, start=1):
            if left != right:
                return number
        return len(self.before.splitlines())


def module_text(functions: list[dict]) -> str:
    """The text of a module with the functions, their imports and the local definitions they need."""
    imports = sorted({line for function in functions for line in function["imports"]})
    pieces: list[str] = []
    for function in functions:
        pieces += [piece for piece in [*function["neighbours"], function["source"]] if piece not in pieces]
    head = "\n".join(imports) + "\n\n\n" if imports else ""
    return head + "\n\n\n".join(pieces) + "\n"


def test_text(rng: random.Random, dotted: str, functions: list[dict]) -> str:
    """The text of tests of the recorded calls, as plain functions or as unittest cases."""
    names = ", ".join(function["name"] for function in functions)
    if rng.random() < 0.5:
        lines = [f"from {dotted} import {names}", "", ""]
        for function in functions:
            lines.append(f"def test_{function['name'].strip('_')}():")
            lines += [f"    assert {call_text(function, args)} == {value}" for args, value in function["calls"][:4]]
            lines += ["", ""]
        return "\n".join(lines).rstrip() + "\n"
    lines = ["import unittest", "", f"from {dotted} import {names}", ""]
    for function in functions:
        camel = "".join(part.capitalize() for part in function["name"].split("_"))
        lines += ["", f"class {camel}Test(unittest.TestCase):"]
        for number, (args, value) in enumerate(function["calls"][:4], start=1):
            lines += [f"    def test_{number}(self):"]
            lines += [f"        self.assertEqual({call_text(function, args)}, {value})", ""]
    return "\n".join([*lines, "", 'if __name__ == "__main__":', "    unittest.main()", ""])


def call_text(function: dict, args: str) -> str:
    """The source text of one call, from the recorded argument tuple."""
    return function["name"] + args.replace(",)", ")")


def write_project(transcript: Transcript, material: Material) -> tuple[dict, list[dict], str, str, str]:
    """Write a package around one function.

    Returns the function, all functions, and the names of package, module and test file.
    """
    rng = transcript.rng
    target = rng.choice(material.functions)
    plain = [item for item in material.functions if not item["neighbours"] and item["name"] != target["name"]]
    same = [item for item in plain if item["package"] == target["package"]]
    taken = " ".join(target["neighbours"])
    others = rng.sample(same, min(2, len(same))) + rng.sample(plain, min(2, len(plain)))
    unique = {item["name"]: item for item in others if item["name"] not in taken}
    functions = [target, *list(unique.values())[: rng.choice([1, 2, 2, 3])]]
    rng.shuffle(functions)
    package = rng.choice(PACKAGES)
    stem = re.sub(r"\W", "", Path(target["file"]).stem.removeprefix("test_").strip("_")) or "core"
    stem = "core" if stem == "init" else stem
    source_dir = rng.choice(["", "", "src/"])
    root = transcript.root
    (root / source_dir / package).mkdir(parents=True)
    (root / "tests").mkdir()
    (root / source_dir / package / "__init__.py").write_text(f"from .{stem} import {target['name']}\n")
    other = module_text([item for item in plain[:40] if item not in functions][:1] or functions[:1])
    (root / source_dir / package / rng.choice(["utils.py", "helpers.py", "_compat.py"])).write_text(other)
    (root / "tests/__init__.py").write_text("")
    (root / "README.md").write_text(f"# {package}\n\nSmall helpers. See `{package}/{stem}.py`.\n")
    (root / "pyproject.toml").write_text(f'[project]\nname = "{package}"\nversion = "0.{rng.randrange(1, 20)}.0"\n')
    if source_dir:
        transcript.env["PYTHONPATH"] = str(root / "src")
    return target, functions, package, f"{source_dir}{package}/{stem}.py", f"tests/test_{stem}.py"
