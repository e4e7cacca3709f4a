"""What a page of `hesnr report` contains, read without a browser."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any


class Parts(HTMLParser):
    """Elements, texts, scripts and tables of a page."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.tables: dict[str, list[list[str]]] = {}
        self._text: list[str] = []
        self._caption = ""
        self._is_script = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append((dict(attrs), ""))
            self._is_script = True
        if tag == "tr":
            self.tables.setdefault(self._caption, []).append([])
        if tag in ("caption", "th", "td"):
            self._text = []

    def handle_endtag(self, tag: str) -> None:
        self._is_script = False
        if tag == "caption":
            self._caption = "".join(self._text).strip()
        if tag in ("th", "td"):
            self.tables[self._caption][-1].append("".join(self._text).strip())

    def handle_data(self, data: str) -> None:
        if self._is_script:
            attributes, text = self.scripts.pop()
            self.scripts.append((attributes, text + data))
        self._text.append(data)

    def table(self, word: str) -> list[list[str]]:
        """The rows of the only table with this word in its caption, the head first."""
        (found,) = [rows for caption, rows in self.tables.items() if word in caption]
        return found

    @property
    def data(self) -> Any:
        """The data of the page."""
        (found,) = [text for attributes, text in self.scripts if attributes.get("id") == "hesnr-report"]
        return json.loads(found)

    @property
    def blocks(self) -> list[str]:
        """The token blocks."""
        return [text for attributes, text in self.scripts if attributes.get("class") == "hesnr-tokens"]


def words(html: str) -> set[str]:
    """Return the words of the page outside of its scripts and its style."""
    return set(re.findall(r"\w+", re.sub(r"<(script|style)\b.*?</\1>", "", html, flags=re.S)))
