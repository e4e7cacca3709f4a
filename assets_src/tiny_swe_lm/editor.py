"""The tool `str_replace_editor`, which really edits the files of a session: view, create, str_replace, insert."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SNIPPET_LINES = 4  # lines shown before and after an edit


def run_editor(root: Path, shown_root: str, arguments: dict[str, Any]) -> str:
    """Do what one call requests, and return the answer of the tool. The answer shows `shown_root` instead of `root`."""
    shown = arguments["path"]
    path = root / shown.removeprefix(shown_root).lstrip("/")
    command = arguments["command"]
    if command == "create":
        if path.exists():
            return f"{shown} is there already, and `create` writes no file anew.\n"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(arguments["file_text"])
        return f"Created {shown}.\n"
    if not path.exists():
        return f"There is no {shown}.\n"
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
    head = f"Two levels of {shown}, without hidden files:"
    return "\n".join([head, shown, *names]) + "\n"


def _numbered(lines: list[str], first: int) -> str:
    return "".join(f"{number:6}\t{line}\n" for number, line in enumerate(lines, start=first))


def _view(text: str, shown: str, view_range: list[int] | None) -> str:
    lines = text.split("\n")
    first, last = view_range or (1, len(lines))
    if not 1 <= first <= len(lines):
        return f"view_range {view_range}: the file has lines 1 to {len(lines)}.\n"
    return f"Lines of {shown}:\n{_numbered(lines[first - 1 : last], first)}"


def _edited(text: str, shown: str, line: int, n_new: int) -> str:
    lines = text.split("\n")
    first = max(0, line - SNIPPET_LINES)
    snippet = _numbered(lines[first : line + n_new + SNIPPET_LINES], first + 1)
    return f"{shown} is changed. Around the change it reads:\n{snippet}Have a look whether that is what you meant.\n"


def _replace(path: Path, text: str, shown: str, old: str, new: str) -> str:
    count = text.count(old)
    if count == 0:
        return f"Nothing replaced: {shown} does not contain old_str `{old}`.\n"
    if count > 1:
        places = [number for number, line in enumerate(text.split("\n"), start=1) if old.split("\n")[0] in line]
        return f"Nothing replaced: old_str `{old}` is found more than once, in lines {places}.\n"
    path.write_text(text.replace(old, new))
    return _edited(path.read_text(), shown, text[: text.index(old)].count("\n"), new.count("\n") + 1)
