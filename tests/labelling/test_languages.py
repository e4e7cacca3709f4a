"""Each language of the table: its comments, and text that looks like a comment but is not one."""

import subprocess
import sys

import pytest

from lm_eval_hesnr.labelling.budget import Budget
from lm_eval_hesnr.labelling.comments import syntax
from lm_eval_hesnr.labelling.languages import GRAMMARS, language_of_path, language_of_program, parser, query

SAMPLES = {
    "bash": ("echo 'a # b' # c\n", ["# c"]),
    "python": ('#!/bin/python\n"""doc # d"""\nx = "#"  # c\ny = 1  # noqa: F1\nz = []  # type: ignore\n', ["# c"]),
    "javascript": ("const a = '// no' // c\n/* d */ let r = /\\/\\/x/ // @ts-ignore\n", ["// c", "/* d */"]),
    "typescript": ("let a: string = '// no' // c\n/* eslint-disable */\n/** d */\n", ["// c", "/** d */"]),
    "tsx": ("const a = <b>{/* c */}// text</b>; // d\n", ["/* c */", "// d"]),
    "java": ('class A { String s = "// no"; // c\n/** d */ int x; }', ["// c", "/** d */"]),
    "go": ('//go:build linux\n\npackage a // c\n\nvar s = "// no" /* d */\n', ["// c", "/* d */"]),
    "rust": ('fn f() { let s = "// no"; } // c\n/* d /* nested */ */\n', ["// c", "/* d /* nested */ */"]),
    "c": ('#include <a.h>\nchar *s = "// no"; // c\n/* d */ int x; // NOLINT\n', ["// c", "/* d */"]),
    "cpp": ('auto s = R"(// no)"; // c\n// clang-format off\n', ["// c"]),
    "ruby": ('# frozen_string_literal: true\nx = "#{y} # no" # c\n', ["# c"]),
    "php": ("<!-- h --><?php $a = '# no'; # c\n// d\n/* e */ ?>", ["# c", "// d", "/* e */"]),
    "html": ('<a href="#">b</a><!-- c --><!--[if IE]> d <![endif]-->', ["<!-- c -->"]),
    "css": ("a { content: '/* no */'; /* c */ color: #fff }", ["/* c */"]),
    "json": ('{"a": "// no" // c\n}', ["// c"]),
    "yaml": ("a: 'x # no' # c\nb: x#no\n", ["# c"]),
    "toml": ('a = "# no" # c\n', ["# c"]),
    "sql": ("SELECT '-- no' -- c\n, 1 /* d */ ;", ["-- c", "/* d */"]),
    "make": ("# c\nall: x\n\techo '# shell'\n", ["# c"]),
}


@pytest.mark.parametrize("language", SAMPLES)
def test_comments(language):
    code, expected = SAMPLES[language]
    assert [code[start:end] for start, end in syntax(code, language, Budget()).comments] == expected


def test_a_fragment_of_php_needs_no_opening_tag():
    assert syntax("$a = 1; // c", "php", Budget()).comments == [(8, 12)]


@pytest.mark.parametrize("language", GRAMMARS)
def test_grammar_and_queries_load(language):
    grammar = GRAMMARS[language]
    assert not parser(language).parse(b"").root_node.has_error or language in ("json", "sql")
    query(language, f"(ERROR) @error {grammar.comments} {grammar.operators}")


def test_no_name_belongs_to_two_languages():
    for names in (
        [n for g in GRAMMARS.values() for n in g.suffixes.split()],
        [n for g in GRAMMARS.values() for n in g.programs.split()],
    ):
        assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("/x/a.py", "python"),
        ("a.PY", "python"),
        ("\na.tsx\n", "tsx"),
        ("src/Makefile", "make"),
        ("fix.patch", "patch"),
        ("a.txt", None),
        ("py", None),
        ("", None),
    ],
)
def test_language_of_path(path, language):
    assert language_of_path(path) == language


@pytest.mark.parametrize(
    ("program", "language"),
    [("/usr/bin/python3.11", "python"), ("sh", "bash"), ("node", "javascript"), ("perl", None), ("pythonic", None)],
)
def test_language_of_program(program, language):
    assert language_of_program(program) == language


@pytest.mark.end_to_end
def test_grammars_are_loaded_when_first_needed():
    program = (
        "import sys, lm_eval_hesnr.labelling.annotate; print([m for m in sys.modules if m.startswith('tree_sitter_')])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
