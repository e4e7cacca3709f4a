"""Sessions on files in other languages: `other` repairs a few lines of a real file, `new_file` writes one.

It is not known what these files do. So a repair undoes a small random change. The session can only show the diff and,
for some languages, a syntax check.
"""

from __future__ import annotations

import random
import re
from pathlib import Path

from assets_src.tiny_swe_lm import wording
from assets_src.tiny_swe_lm.edits import changed_pieces, make_change
from assets_src.tiny_swe_lm.languages import read_language_text
from assets_src.tiny_swe_lm.projects import PACKAGES, Change, Material
from assets_src.tiny_swe_lm.sources import SourceFile
from assets_src.tiny_swe_lm.steps import begin, check_change, explore, finish, think, view_command
from assets_src.tiny_swe_lm.transcript import Transcript

CHECKS = {
    ".js": ["node --check {mod}", "node --check {mod} && echo ok"],
    ".mjs": ["node --check {mod}"],
    ".sh": ["bash -n {mod}", "bash -n {mod} && echo ok"],
    ".toml": ["python3 -c \"import tomllib; tomllib.load(open('{mod}', 'rb')); print('valid')\""],
    ".c": ["gcc -fsyntax-only {mod} 2>&1 | head -5", "gcc -c {mod} -o /dev/null 2>&1 | head -5"],
}
SWAPS = [
    (" == ", " != "), (" < ", " <= "), (" > ", " >= "), (" && ", " || "), (" + 1", " - 1"), (" - 1", ""),
    ("true", "false"), ("return ", "return !"), ("[0]", "[1]"), (" 0;", " 1;"), (" += ", " = "), ("null", "undefined"),
    (" AND ", " OR "), ("NOT NULL", "NULL"), ("Some(", "Ok("), ("&mut ", "&"), ("let ", "let mut "), ("2", "3"),
    ("if (!", "if ("), ('"', "'"),
]  # fmt: skip
FOLDERS = {
    ".js": "lib",
    ".mjs": "lib",
    ".rs": "src",
    ".sh": "scripts",
    ".sql": "migrations",
    ".yaml": "conf",
    ".toml": "conf",
}
MAX_CHARS = 20_000
_COMMENT = re.compile(r"\s*(?:\*|//|/\*|#[^id]|--|;|\*/)")
_WORD = re.compile(r"[A-Za-z_]\w{3,}")


def _project(t: Transcript, material: Material, least: int, most: int) -> tuple[str, str]:
    """Write one file of a random language, and other files of that language. Returns the name and text of the file."""
    rng = t.rng
    sources = sorted({file.source for file in material.other_files})
    while True:
        source = rng.choice(sources)
        fit = [file for file in material.other_files if file.source == source]
        file = rng.choice(fit)
        text = read_language_text(file.path)
        if text is not None and least <= len(text) <= most and _lines_to_change(text):
            break
    suffix = Path(file.name).suffix
    folder = rng.choice([FOLDERS.get(suffix, "src"), FOLDERS.get(suffix, "src"), rng.choice(PACKAGES)])
    mod = f"{folder}/{Path(file.name).name}"
    (t.root / folder).mkdir(parents=True, exist_ok=True)
    (t.root / mod).write_text(text)
    _neighbours(t, fit, folder)
    (t.root / "README.md").write_text(f"# {rng.choice(PACKAGES)}\n\nSee `{folder}/`.\n")
    return mod, text


def _neighbours(t: Transcript, files: list[SourceFile], folder: str) -> None:
    for file in t.rng.sample(files, min(len(files), t.rng.randrange(1, 4))):
        path = t.root / folder / Path(file.name).name
        text = read_language_text(file.path)
        if text is not None and len(text) <= MAX_CHARS and not path.exists():
            path.write_text(text)


def _lines_to_change(text: str) -> list[int]:
    """Indices of code lines that contain a word to search for."""
    lines = text.split("\n")
    return [
        i for i, line in enumerate(lines) if 12 <= len(line) <= 120 and _WORD.search(line) and not _COMMENT.match(line)
    ]


def _worse(rng: random.Random, text: str) -> tuple[str, int]:
    """The text with one line changed or a few lines deleted, and the index of the first such line."""
    lines = text.split("\n")
    place = rng.choice(_lines_to_change(text))
    swaps = [(old, new) for old, new in SWAPS if old in lines[place]]
    if swaps and rng.random() < 0.5:
        old, new = rng.choice(swaps)
        lines[place] = lines[place].replace(old, new, 1)
    elif rng.random() < 0.3:
        words = _WORD.findall(lines[place])
        other = rng.choice(_WORD.findall(text))
        lines[place] = lines[place].replace(rng.choice(words), other, 1)
    else:
        del lines[place : place + rng.randrange(1, 9)]
    worse = "\n".join(lines)
    return (worse, place) if worse != text else _worse(rng, text)


def build_other(t: Transcript, material: Material) -> None:
    """A session that repairs a few lines of a file."""
    rng = t.rng
    mod, after = _project(t, material, 400, MAX_CHARS)
    before, place = _worse(rng, after)
    (t.root / mod).write_text(before)
    near = "\n".join(after.split("\n")[place : place + 3])
    change = Change(
        mod=mod, before=before, after=after, old=before, new=after, words={"fn": rng.choice(_WORD.findall(near))}
    )
    old, new = changed_pieces(change, 0)
    if old.strip() and new.strip() and "\n" not in old.strip() + new.strip():
        change.words.update(wrong=old.strip(), right=new.strip())
    submit = begin(t, think(t, wording.OTHER_ISSUES, change))
    explore(t, change)
    if rng.random() < 0.3:
        t.act("Let me read a little more of it.", view_command(t, change))
    make_change(t, change, wording.EDIT_OTHER)
    check_change(t, change)
    _check_syntax(t, mod)
    finish(t, change, submit, "fix.py")


def build_new_file(t: Transcript, material: Material) -> None:
    """A session that writes a missing file."""
    mod, text = _project(t, material, 300, 4500)
    (t.root / mod).unlink()
    words = {
        "fn": t.rng.choice([word for line in _lines_to_change(text) for word in _WORD.findall(text.split("\n")[line])])
    }
    change = Change(mod=mod, before="", after=text, old="", new=text, words=words)
    submit = begin(t, think(t, wording.NEW_FILE_ISSUES, change))
    folder = Path(mod).parent.as_posix()
    t.act(think(t, wording.LOOK, change), t.rng.choice(["ls -la", f"ls {folder}", "git ls-files", f"wc -l {folder}/*"]))
    t.write_file(f"Now I'll write `{mod}`.", mod, text)
    _check_syntax(t, mod)
    finish(t, change, submit, None)


def _check_syntax(t: Transcript, mod: str) -> None:
    checks = CHECKS.get(Path(mod).suffix)
    if checks and t.rng.random() < 0.7:
        t.act(
            t.rng.choice(["Let me check the syntax.", "Does it still parse?", "A quick check of the file."]),
            t.rng.choice(checks).format(mod=mod),
        )
