"""The tool `str_replace_editor`, really executed on the files of a session: view, create, str_replace, insert."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SNIPPET_LINES = 4  # shown on each side of an edit


def run_editor(root: Path, shown_root: str, arguments: dict[str, Any]) -> str:
    """Do what one call asks for, and give the tool's answer. The answer names `shown_root` in place of `root`."""
    shown = arguments["path"]
    path = root / shown.removeprefix(shown_root).lstrip("/")
    command = arguments["command"]
    if command == "create":
        if path.exists():
            return f"File already exists at: {shown}. Cannot overwrite files using command `create`.\n"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(arguments["file_text"])
        return f"File created successfully at: {shown}\n"
    if not path.exists():
        return f"The path {shown} does not exist. Please provide a valid path.\n"
    if path.is_dir():
        return _folder(root, shown_root, path, shown)
    text = path.read_text()
    if command == "view":
        return _view(text, shown, arguments.get("view_range"))
    if command == "insert":
        lines = text.split("\n")
        place = arguments["insert_line"]
        new = arguments["new_str"].split("\n")
        path.write_text("\n".join([*lines[:place], *new, *lines[place:]]))
        return _edited(path.read_text(), shown, place, len(new))
    return _replace(path, text, shown, arguments["old_str"], arguments.get("new_str", ""))


def _folder(root: Path, shown_root: str, path: Path, shown: str) -> str:
    names = [
        f"{shown_root}/{item.relative_to(root).as_posix()}"
        for item in sorted(path.rglob("*"))
        if not any(part.startswith(".") for part in item.relative_to(path).parts)
        and len(item.relative_to(path).parts) <= 2
    ]
    head = f"Here's the files and directories up to 2 levels deep in {shown}, excluding hidden items:"
    return "\n".join([head, shown, *names]) + "\n"


def _numbered(lines: list[str], first: int) -> str:
    return "".join(f"{number:6}\t{line}\n" for number, line in enumerate(lines, start=first))


def _view(text: str, shown: str, view_range: list[int] | None) -> str:
    lines = text.split("\n")
    first, last = view_range or (1, len(lines))
    if not 1 <= first <= len(lines):
        return f"Invalid `view_range`: {view_range}. Its first number should be between 1 and {len(lines)}.\n"
    return f"Here's the result of running `cat -n` on {shown}:\n{_numbered(lines[first - 1 : last], first)}"


def _edited(text: str, shown: str, line: int, n_new: int) -> str:
    lines = text.split("\n")
    first = max(0, line - SNIPPET_LINES)
    snippet = _numbered(lines[first : line + n_new + SNIPPET_LINES], first + 1)
    return (
        f"The file {shown} has been edited. Here's the result of running `cat -n` on a snippet of {shown}:\n{snippet}"
        "Review the changes and make sure they are as expected. Edit the file again if necessary.\n"
    )


def _replace(path: Path, text: str, shown: str, old: str, new: str) -> str:
    count = text.count(old)
    if count == 0:
        return f"No replacement was performed, old_str `{old}` did not appear verbatim in {shown}.\n"
    if count > 1:
        places = [number for number, line in enumerate(text.split("\n"), start=1) if old.split("\n")[0] in line]
        return f"No replacement was performed. Multiple occurrences of old_str `{old}` in lines {places}.\n"
    path.write_text(text.replace(old, new))
    return _edited(path.read_text(), shown, text[: text.index(old)].count("\n"), new.count("\n") + 1)
