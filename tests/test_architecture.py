"""The imports of the package point one way. ARCHITECTURE.md draws the same direction."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parents[1] / "lm_eval_hesnr"
LABORATORY = Path(__file__).parents[1] / "lab"
MOST_FILES_AT_THE_TOP = 12

BELOW = {
    "__main__": ["plugin"],
    "plugin": ["harness"],
    "tasks": ["plugin"],
    "cli": ["task", "curation", "samples", "plugin"],
    "training": ["task"],
    "task": ["results", "selection", "scope_filter", "harness"],
    "results": ["options", "models", "labelling"],
    "curation": ["options", "models", "labelling"],
    "selection": ["options", "ranks", "scoring", "labelling"],
    "samples": ["results", "trajectories"],
    "scope_filter": ["scoring", "harness"],
    "harness": [],
    "options": ["metrics"],
    "models": ["ranks", "scoring"],
    "scoring": ["metrics"],
    "labelling": ["trajectories"],
    "metrics": [],
    "trajectories": [],
    "ranks": [],
}
"""What stands directly below each folder or file at the top of the package. It may import this and all below it."""

FRAME = ("experiment", "readings", "provenance", "page", "picture", "scoring", "before_after")
"""The files of the laboratory that every experiment may import. They import no experiment."""

UNDER_ALL = ["files", "assets", "errors", "messages", "labels", "__init__"]
"""Every module may import these. Each of them may import only those to its right."""


class Import(NamedTuple):
    """One import statement of one module, such as `lm_eval_hesnr.task` importing `lm_eval_hesnr.labels`."""

    path: Path
    line: int
    importer: str
    imported: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line} imports {self.imported}"


def modules(package: Path) -> dict[str, Path]:
    """Return the file of every module of the package, by its dotted name."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(package: Path) -> Iterator[Import]:
    """Yield every import of one module of the package by another, also those in functions and for types only."""
    known = modules(package)
    for importer, path in known.items():
        folder = importer if path.name == "__init__.py" else importer.rpartition(".")[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for name in _names(node, folder):
                imported = name if name in known else name.rpartition(".")[0]
                if imported in known:
                    yield Import(path.relative_to(package.parent), getattr(node, "lineno", 0), importer, imported)


def _names(node: ast.AST, folder: str) -> list[str]:
    """Return what an import statement may import: a module, or a name in a module."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    above = folder.split(".")[: len(folder.split(".")) - node.level + 1] if node.level else []
    module = ".".join([*above, *([node.module] if node.module else [])])
    return [f"{module}.{alias.name}" for alias in node.names]


def _imported(path: Path) -> set[str]:
    """Return the names of all modules that a file imports by their whole names."""
    return {name for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) for name in _names(node, "")}


def part(module: str) -> str:
    """Return the folder or file at the top of the package that a module belongs to."""
    return [*module.split("."), "__init__"][1]


def allowed(name: str) -> set[str]:
    """Return the parts of the package that `name` may import."""
    if name in UNDER_ALL:
        return set(UNDER_ALL[UNDER_ALL.index(name) :])
    return {name, *UNDER_ALL}.union(*(allowed(lower) for lower in BELOW[name]))


def circles(every: list[Import]) -> list[str]:
    """Return one line for a circle of imports, if there is one."""
    graph: dict[str, set[str]] = {}
    for one in every:
        graph.setdefault(one.importer, set()).add(one.imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return ["a circle of imports: " + " <- ".join(error.args[1])]
    return []


def faults(package: Path) -> list[str]:
    """Return one line for each rule that the package breaks."""
    found = [
        f"{path.relative_to(package.parent)}: not in BELOW; say there what it may import"
        for module, path in modules(package).items()
        if part(module) not in {*BELOW, *UNDER_ALL}
    ]
    if found:
        return found
    every = list(imports(package))
    found = [str(one) for one in every if part(one.imported) not in allowed(part(one.importer))]
    found += circles(every)
    at_the_top = sorted(path.name for path in package.glob("*.py"))
    if len(at_the_top) > MOST_FILES_AT_THE_TOP:
        found.append(f"{len(at_the_top)} Python files at the top, at most {MOST_FILES_AT_THE_TOP}: {at_the_top}")
    return found


def test_the_imports_of_the_package_point_one_way():
    assert faults(PACKAGE) == []


def test_every_module_and_many_imports_are_read():
    assert {part(module) for module in modules(PACKAGE)} >= {"task", "metrics", "trajectories", "__init__"}
    assert len(list(imports(PACKAGE))) > 100


def laboratory_faults(laboratory: Path) -> list[str]:
    """Return one line for each rule that the laboratory breaks."""
    every = list(imports(laboratory))
    found = [
        str(one) for one in every if part(one.importer) in FRAME and part(one.imported) not in (*FRAME, "__init__")
    ]
    found += circles(every)
    return found


def test_no_file_of_the_frame_of_the_laboratory_imports_an_experiment():
    assert {path.stem for path in LABORATORY.glob("*.py")} == {*FRAME, "experiments", "__init__", "__main__"}
    assert laboratory_faults(LABORATORY) == []


def test_neither_the_package_nor_a_benchmark_imports_the_laboratory():
    files = [path for top in ("lm_eval_hesnr", "benchmarks") for path in (PACKAGE.parent / top).rglob("*.py")]
    assert [path for path in files if "lab" in {name.split(".")[0] for name in _imported(path)}] == []


def test_the_grader_does_not_import_what_it_grades():
    grader = {name for path in modules(LABORATORY / "grader").values() for name in _imported(path)}
    assert {".".join(name.split(".")[:2]) for name in grader if name.split(".")[0] == "lab"} == {"lab.grader"}
    assert not any(name.split(".")[0] == "lm_eval_hesnr" for name in grader)


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        ({"page.py": "from lab.predict import x"}, "lab/page.py:1 imports lab.predict"),
        ({"predict/a.py": "import lab.theory.b", "theory/b.py": "import lab.predict.a"}, "a circle of imports: "),
    ],
)
def test_what_breaks_a_rule_of_the_laboratory_is_named(tmp_path, files, fault):
    for name, text in {"__init__.py": "", "predict/__init__.py": "", "theory/__init__.py": "", **files}.items():
        (tmp_path / "lab" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "lab" / name).write_text(text)
    (found,) = laboratory_faults(tmp_path / "lab")
    assert found.startswith(fault)


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        ({"metrics/a.py": "import lm_eval_hesnr.task"}, "lm_eval_hesnr/metrics/a.py:1 imports lm_eval_hesnr.task"),
        ({"errors.py": "\nfrom .files import x"}, "lm_eval_hesnr/errors.py:2 imports lm_eval_hesnr.files"),
        (
            {"trajectories/a.py": "def f():\n    from ..labelling.b import g", "labelling/b.py": ""},
            "lm_eval_hesnr/trajectories/a.py:2 imports lm_eval_hesnr.labelling.b",
        ),
        (
            {"scoring/a.py": "if TYPE_CHECKING:\n    from lm_eval_hesnr import models", "models/__init__.py": ""},
            "lm_eval_hesnr/scoring/a.py:2 imports lm_eval_hesnr.models",
        ),
        ({"models/hf.py": "from lm_eval_hesnr.trajectories import schema", "trajectories/schema.py": ""},
         "lm_eval_hesnr/models/hf.py:1 imports lm_eval_hesnr.trajectories.schema"),
        ({"metrics/a.py": "from . import b", "metrics/b.py": "from .a import x"}, "a circle of imports: "),
        ({"shelf.py": ""}, "lm_eval_hesnr/shelf.py: not in BELOW"),
        ({"shelf/a.py": ""}, "lm_eval_hesnr/shelf/a.py: not in BELOW"),
    ],
)  # fmt: skip
def test_what_breaks_a_rule_is_named(tmp_path, files, fault):
    package = tmp_path / "lm_eval_hesnr"
    for name, text in {"__init__.py": "", "files.py": "", "task.py": "", **files}.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    (found,) = faults(package)
    assert found.startswith(fault)


def test_a_thirteenth_file_at_the_top_is_a_fault(tmp_path):
    (tmp_path / "lm_eval_hesnr").mkdir()
    names = [*BELOW, *UNDER_ALL][:12]
    for name in names:
        (tmp_path / "lm_eval_hesnr" / f"{name}.py").write_text("")
    assert faults(tmp_path / "lm_eval_hesnr") == []
    (tmp_path / "lm_eval_hesnr" / "labels.py").write_text("")
    (found,) = faults(tmp_path / "lm_eval_hesnr")
    assert found.startswith("13 Python files at the top, at most 12: ['__main__.py', ")
