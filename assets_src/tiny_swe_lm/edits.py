"""The ways in which an agent edits a file: `sed`, a Python script that replaces text, a patch, a rewrite."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

from assets_src.tiny_swe_lm import wording
from assets_src.tiny_swe_lm.projects import Change
from assets_src.tiny_swe_lm.steps import think
from assets_src.tiny_swe_lm.transcript import Transcript


def changed_pieces(change: Change, n_context: int) -> tuple[str, str]:
    """The smallest block of changed lines, before and after, with `n_context` more lines on each side."""
    left, right = change.before.splitlines(), change.after.splitlines()
    blocks = [op for op in difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes() if op[0] != "equal"]
    start, end_left, end_right = blocks[0][1], blocks[-1][2], blocks[-1][4]
    low, extra = max(0, start - n_context), n_context
    return "\n".join(left[low : end_left + extra]), "\n".join(right[low : end_right + extra])


def _sed_escape(text: str, delimiter: str) -> str:
    return re.sub(rf"([\[\]*.^$\\&{re.escape(delimiter)}])", r"\\\1", text)


def _quote_python(text: str) -> str:
    if "'''" not in text and "\\" not in text:
        return f"'''{text}'''"
    return repr(text)


def _replace_script(t: Transcript, change: Change) -> str:
    """A Python script that makes the change by replacing text."""
    rng = t.rng
    for n_context in (rng.choice([0, 1, 2, 3]), 5, 9):
        old, new = changed_pieces(change, n_context)
        if old and change.before.count(old) == 1:
            break
    else:
        old, new = change.old, change.new
    if '"""' not in old + new and "\\" not in old + new and not (old + new).endswith('"'):
        old_text, new_text = f'"""{old}"""', f'"""{new}"""'
    else:
        old_text, new_text = _quote_python(old), _quote_python(new)
    forms = [
        f"from pathlib import Path\n\npath = Path({change.mod!r})\ntext = path.read_text()\n"
        f"old = {old_text}\nnew = {new_text}\n"
        "assert text.count(old) == 1\npath.write_text(text.replace(old, new))\nprint('done')\n",
        f"with open('{change.mod}', 'r') as f:\n    content = f.read()\n\nold = {old_text}\n\nnew = {new_text}\n\n"
        f"content = content.replace(old, new)\n\nwith open('{change.mod}', 'w') as f:\n    f.write(content)\n\n"
        'print("File updated successfully")\n',
        f'import re\n\nfilename = "{change.mod}"\nwith open(filename) as f:\n    source = f.read()\n\n'
        f"old_code = {old_text}\nnew_code = {new_text}\n\n"
        "if old_code in source:\n    source = source.replace(old_code, new_code, 1)\n"
        '    with open(filename, "w") as f:\n        f.write(source)\n    print("Replaced")\n'
        'else:\n    print("Pattern not found")\n',
        f"p = '{change.mod}'\ns = open(p).read()\ns = s.replace({old_text}, {new_text})\nopen(p, 'w').write(s)\n",
    ]
    return rng.choice(forms)


def _apply_command(t: Transcript, change: Change, path: str) -> str:
    diff = difflib.unified_diff(
        change.before.splitlines(keepends=True), change.after.splitlines(keepends=True), f"a/{path}", f"b/{path}"
    )
    mark = t.rng.choice(["EOF", "PATCH"])
    tool = t.rng.choice(["git apply", "patch -p1"])
    return f"{tool} <<'{mark}'\n{''.join(diff)}{mark}"


def _sed_command(t: Transcript, change: Change) -> str | None:
    """A one-line `sed -i`; None if more than one line changes or the line has special characters."""
    old, new = changed_pieces(change, 0)
    if "\n" in old or "\n" in new or not old or not new or "'" in old + new:
        return None
    delimiter = "/" if "/" not in old + new else "|"
    if delimiter in old + new:
        return None
    left, right = _sed_escape(old.strip(), delimiter), _sed_escape(new.strip(), delimiter)
    address = t.rng.choice(["", str(change.line)])
    forms = [f"sed -i '{address}s{delimiter}{left}{delimiter}{right}{delimiter}' {change.mod}"]
    if "\\" not in new:
        forms.append(
            f"sed -i '{change.line}s{delimiter}.*{delimiter}{_sed_escape(new, delimiter)}{delimiter}' {change.mod}"
        )
    return t.rng.choice(forms)


def _with_editor(t: Transcript, thought: str, change: Change) -> None:
    """Edit with the editor tool: an insertion if lines are only added, else replacements until one succeeds."""
    old, new = changed_pieces(change, 0)
    if not old.strip() and t.rng.random() < 0.6:
        t.edit(thought, "insert", change.mod, insert_line=change.line - 1, new_str=new)
        return
    for n_context in (t.rng.choice([0, 0, 1, 2, 3]), 4, 8):
        old, new = changed_pieces(change, n_context)
        if not old:
            continue
        answer = t.edit(thought, "str_replace", change.mod, old_str=old, new_str=new)
        if "has been edited" in answer:
            return
        thought = think(t, wording.RETRY, change)


def make_change(t: Transcript, change: Change, phrases: list[str]) -> None:
    """Add turns that edit the file: perhaps a failed attempt, then one that works. The final text is checked."""
    rng = t.rng
    thought = think(t, phrases, change)
    path = t.root / change.mod
    if rng.random() < 0.12:
        wrong = rng.choice([
            f"sed -i 's/{re.sub(r'[^a-z ]', '', change.old[:30].lower()) or 'old'}/fixed/' {change.mod} && git diff",
            f"{t.python} fix.py",
            f"cat {Path(change.mod).name}",
        ])  # fmt: skip
        t.act(thought, wrong)
        path.write_text(change.before)
        thought = think(t, wording.RETRY, change)
    ways = ["script", "script", "script", "sed", "sed", "patch"]
    if len(change.after) < 3500:
        ways += ["rewrite", "rewrite"]
    way = rng.choice(ways)
    sed = _sed_command(t, change)
    if t.has_editor and rng.random() < 0.75:
        _with_editor(t, thought, change)
    elif way == "sed" and sed:
        t.act(thought, sed)
    elif way == "rewrite":
        t.act(thought, t.heredoc(change.mod, change.after))
    elif way == "patch":
        t.act(thought, _apply_command(t, change, change.mod))
    else:
        for command, next_thought in t.python_script(
            _replace_script(t, change), rng.choice(["fix.py", "edit.py", "apply_fix.py"])
        ):
            t.act(next_thought or thought, command)
    if path.read_text() != change.after:
        t.act(think(t, wording.RETRY, change), t.heredoc("fix.py", _replace_script(t, change)) + f"\n{t.python} fix.py")
        path.write_text(change.after)
