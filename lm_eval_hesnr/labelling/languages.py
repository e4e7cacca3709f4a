"""The languages whose comments are found with a syntax tree. A grammar is loaded when it is first needed.

To add a language, add its `tree-sitter-*` wheel to the dependencies and an entry to `GRAMMARS`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import PurePosixPath

from tree_sitter import Language, Parser, Query

_EDITOR = r"-\*-|vim?:|nosec|nosemgrep"
"""Pragmas that occur in every language: editor modelines, security scanners."""
_HASH = rf"#!|#\s*(?:{_EDITOR})"
_PYTHON = (
    rf"#!|#\s*(?:{_EDITOR}|type:|noqa|pylint:|mypy:|pyright:|pyre-|pytype:|ruff:|pragma:|fmt:|isort:|yapf:|flake8:|"
    r"coding[:=]|cython:)"
)
_SLASHES = (
    rf"(?://+|/\*+)\s*(?:{_EDITOR}|@ts-|@flow\b|@jsx|@vitest-|@jest-|<reference|eslint|prettier-ignore|biome-ignore|tslint:|"
    r"stylelint-|[#@]__PURE__|webpack[A-Z]|[#@]\s*source(?:Mapping)?URL=|istanbul\s|[cv]8\s+ignore|"
    r"noinspection\s|CHECKSTYLE|@formatter:|NOSONAR|\$NON-NLS|NOLINT|clang-format\s|\+build\s|phpcs:|@phpstan-|@psalm-)|"
    r"//(?:go:|nolint|export |line )|/\*\s*(?:globals?|exported)\s"
)


@dataclass(frozen=True, slots=True)
class Grammar:
    """How one language is recognised and parsed, and what a comment is in it."""

    wheel: str
    """Python module of the grammar. The wheel has the same name, with dashes."""
    suffixes: str = ""
    """File name endings of the language, and whole names of files without an ending; separated by spaces."""
    programs: str = ""
    """Commands that run a script in this language, given after a flag or on standard input; separated by spaces."""
    script_flag: str = r"$^"
    """Regular expression for the whole flag that comes before a script."""
    comments: str = "(comment) @comment"
    """Tree-sitter query. It captures comments as `@comment`, and embedded code under the name of its language. Values
    that may end with a comment which the grammar does not find are captured as `@assigned`."""
    operators: str = ""
    """Tree-sitter query. It captures as `@operator` signs that look like decoration but are not."""
    marks: tuple[str, ...] = ("#",)
    """A text without any of these has no comment and no embedded code, so it is not parsed."""
    pragma: str = _HASH
    """Regular expression for the beginning of a comment that is an instruction to a tool."""
    surroundings: tuple[tuple[str, str], ...] = ()
    """(before, after): texts that a fragment of a file may need around it to be parsed."""
    factory: str = "language"
    """Function of the module that returns the grammar."""


_C_MARKS = ("//", "/*")
_STRICT_EQUAL = '["===" "!=="] @operator'
_IN_CLASS_OR_FUNCTION = (("class A {", "\n}"), ("void f() {", "\n}"))

GRAMMARS: dict[str, Grammar] = {
    "bash": Grammar(
        "tree_sitter_bash",
        suffixes=".sh .bash .zsh .ksh .bats .bashrc .bash_profile .profile .zshrc",
        programs="bash sh dash zsh ksh",
        script_flag=r"-[a-z]*c",
        marks=("#", "<<", "-c", "-e", "-p", "-r"),
        pragma=rf"{_HASH}|#\s*shellcheck\s",
    ),
    "python": Grammar(
        "tree_sitter_python",
        suffixes=".py .pyi .pyw SConstruct SConscript",
        programs="python python2 python3 pypy pypy3 ipython ipython3",
        script_flag=r"-[a-zA-Z]*c",
        pragma=_PYTHON,
        surroundings=(("if 1:\n", ""), ("if 1:\n", "\n pass"), ("try:\n pass\n", "")),
    ),
    "javascript": Grammar(
        "tree_sitter_javascript",
        suffixes=".js .jsx .mjs .cjs",
        programs="node nodejs bun",
        script_flag=r"-e|-p|-pe|--eval|--print",
        comments="[(comment) (html_comment)] @comment",
        operators=_STRICT_EQUAL,
        marks=(*_C_MARKS, "<!--"),
        pragma=_SLASHES,
        surroundings=(("class A {", "\n}"), ("async function f() {", "\n}")),
    ),
    "typescript": Grammar(
        "tree_sitter_typescript",
        suffixes=".ts .mts .cts",
        programs="ts-node tsx deno",
        script_flag=r"-e|-p|--eval|eval",
        operators=_STRICT_EQUAL,
        marks=_C_MARKS,
        pragma=_SLASHES,
        surroundings=(("class A {", "\n}"), ("async function f() {", "\n}")),
        factory="language_typescript",
    ),
    "tsx": Grammar(
        "tree_sitter_typescript",
        suffixes=".tsx",
        operators=_STRICT_EQUAL,
        marks=_C_MARKS,
        pragma=_SLASHES,
        surroundings=(("class A {", "\n}"), ("async function f() {", "\n}")),
        factory="language_tsx",
    ),
    "java": Grammar(
        "tree_sitter_java",
        suffixes=".java",
        comments="[(line_comment) (block_comment)] @comment",
        marks=_C_MARKS,
        pragma=_SLASHES,
        surroundings=_IN_CLASS_OR_FUNCTION,
    ),
    "go": Grammar(
        "tree_sitter_go",
        suffixes=".go",
        marks=_C_MARKS,
        pragma=_SLASHES,
        surroundings=(("func f() {", "\n}"), ("func f() {\nswitch {\n", "\n}}")),
    ),
    "rust": Grammar(
        "tree_sitter_rust",
        suffixes=".rs",
        comments="[(line_comment) (block_comment)] @comment",
        marks=_C_MARKS,
        pragma=_SLASHES,
        surroundings=(("fn f() {", "\n}"), ("fn f() { match x {", "\n}}"), ("impl A {", "\n}")),
    ),
    "c": Grammar(
        "tree_sitter_c", suffixes=".c .h", marks=_C_MARKS, pragma=_SLASHES, surroundings=(("void f() {", "\n}"),)
    ),
    "cpp": Grammar(
        "tree_sitter_cpp",
        suffixes=".cpp .cc .cxx .c++ .hpp .hh .hxx .ino .cu .cuh",
        marks=_C_MARKS,
        pragma=_SLASHES,
        surroundings=(("class A {", "\n};"), ("void f() {", "\n}")),
    ),
    "ruby": Grammar(
        "tree_sitter_ruby",
        suffixes=".rb .rake .gemspec .ru Gemfile Rakefile Vagrantfile Podfile",
        programs="ruby irb",
        script_flag=r"-[a-z]*e",
        operators='"===" @operator',
        marks=("#", "=begin"),
        pragma=rf"{_HASH}|#\s*(?:rubocop:|frozen_string_literal:|typed:|(?:en)?coding:)",
        surroundings=(("class A\n", "\nend"), ("def f\n", "\nend")),
    ),
    "php": Grammar(
        "tree_sitter_php",
        suffixes=".php .phtml .inc",
        programs="php",
        script_flag=r"-r",
        comments="(comment) @comment (text) @html",
        operators=_STRICT_EQUAL,
        marks=("#", *_C_MARKS, "<!--"),
        pragma=rf"{_HASH}|{_SLASHES}",
        factory="language_php",
    ),
    "php_only": Grammar(  # a fragment of PHP without <?php
        "tree_sitter_php",
        operators=_STRICT_EQUAL,
        marks=("#", *_C_MARKS),
        pragma=rf"{_HASH}|{_SLASHES}",
        surroundings=(("class A {", "\n}"), ("function f() {", "\n}")),
        factory="language_php_only",
    ),
    "html": Grammar(
        "tree_sitter_html",
        suffixes=".html .htm .xhtml .vue .svelte",
        comments="(comment) @comment (script_element (raw_text) @javascript) (style_element (raw_text) @css)",
        operators="(attribute_value) @operator",  # they contain scripts in Vue, Alpine and Angular
        marks=("<!--", *_C_MARKS),
        pragma=r"<!--\s*(?:\[if\s|<!\[endif|#include\s)",
    ),
    "css": Grammar(
        "tree_sitter_css",
        suffixes=".css",
        comments="[(comment) (js_comment)] @comment",
        marks=_C_MARKS,
        pragma=_SLASHES,
        surroundings=(("a {", "\n}"),),
    ),
    "json": Grammar(
        "tree_sitter_json",
        suffixes=".json .jsonc .json5 .eslintrc .babelrc",
        marks=_C_MARKS,
        pragma=_SLASHES,
        surroundings=(("{", "\n}"), ("[", "\n]")),
    ),
    "yaml": Grammar(
        "tree_sitter_yaml",
        suffixes=".yaml .yml .clang-format .clang-tidy",
        operators='"---" @operator',
        pragma=rf"{_HASH}|#\s*(?:yaml-language-server:|yamllint\s|noqa)",
    ),
    "toml": Grammar("tree_sitter_toml", suffixes=".toml Cargo.lock poetry.lock Pipfile"),
    "sql": Grammar(
        "tree_sitter_sql",
        suffixes=".sql .psql .ddl",
        programs="psql sqlite3 mysql mariadb",
        script_flag=r"-c|-e|--command|--execute",
        comments="[(comment) (marginalia)] @comment",
        marks=("--", "/*"),
        pragma=r"/\*[!+]|--\s*noqa",  # MySQL runs /*! ... */, query planners read /*+ ... */
    ),
    "make": Grammar(
        "tree_sitter_make",
        suffixes=".mk .mak Makefile makefile GNUmakefile",
        comments="(comment) @comment (variable_assignment value: (text) @assigned)",
    ),
}

_BY_NAME = {name: language for language, grammar in GRAMMARS.items() for name in grammar.suffixes.split()}
_BY_PROGRAM = {name: language for language, grammar in GRAMMARS.items() for name in grammar.programs.split()}
_BY_NAME |= {".patch": "patch", ".diff": "patch"}
_VERSIONED = re.compile(r"(python[23]|pypy3?|ruby|php|node)[\d.]+")


def language_of_path(path: str) -> str | None:
    """The language of a file, from its name: a key of `GRAMMARS`, `patch`, or None if it is not known."""
    name = PurePosixPath(path.strip()).name
    return _BY_NAME.get(name) or _BY_NAME.get(PurePosixPath(name).suffix.lower())


def language_of_program(program: str) -> str | None:
    """The language that a program runs, or None if it is not known: `/usr/bin/python3.11` runs python."""
    name = PurePosixPath(program).name
    versioned = _VERSIONED.fullmatch(name)
    return _BY_PROGRAM.get(versioned.group(1) if versioned else name)


@lru_cache
def is_script_flag(language: str, flag: str) -> bool:
    """Whether a script in this language follows the flag."""
    return re.fullmatch(GRAMMARS[language].script_flag, flag) is not None


@lru_cache
def pragma(language: str) -> re.Pattern[str]:
    """A pattern that matches the beginning of a comment that is an instruction to a tool."""
    return re.compile(GRAMMARS[language].pragma)


@lru_cache
def parser(language: str) -> Parser:
    """The language's parser."""
    return Parser(_grammar(language))


@lru_cache
def query(language: str, text: str) -> Query:
    """A compiled tree-sitter query."""
    return Query(_grammar(language), text)


@lru_cache
def _grammar(language: str) -> Language:
    entry = GRAMMARS[language]
    try:
        return Language(getattr(import_module(entry.wheel), entry.factory)())
    except ImportError as error:  # labels must not depend on the installed packages
        wheel = entry.wheel.replace("_", "-")
        raise ImportError(f"no {language} grammar found; install {wheel}, a dependency of this package") from error
