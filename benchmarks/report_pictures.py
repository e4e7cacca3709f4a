"""Pictures of a page of `hesnr report`: `python -m benchmarks.report_pictures report.html FOLDER`.

It needs the environment of `make test-report`, and Chromium with its driver. It writes `light.png`, `dark.png` and
`narrow.png` (360 px) of the whole page, `tokens.png` of the token view at its worst token, and `first.png`, the first
screen, which is `docs/report.png`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.results.report.in_browser.page import Page, browser_and_driver, chromium

WIDTH = 1250
"""Of the first screen, in pixels. It ends below the table of checkpoints."""

_DRAW_ALL = """(() => {
  for (const block of document.querySelectorAll('#text div')) block.style.contentVisibility = 'visible';
  document.getElementById('view')?.scrollIntoView();
})()"""
"""The browser draws only the part of the text that is near the window."""


def main() -> int:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    found = browser_and_driver()
    if found is None:
        sys.exit("no Chromium or Chrome with its driver (Debian: apt-get install chromium chromium-driver)")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with chromium(*found) as page:
        write(page, arguments.report, arguments.folder)
    for path in sorted(arguments.folder.glob("*.png")):
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB")
    return 0


def write(page: Page, report: Path, folder: Path) -> None:
    """Write all pictures of a report into the folder."""
    for name, width, scheme in (("light", 1280, "light"), ("dark", 1280, "dark"), ("narrow", 360, "light")):
        page.open(report, width=width, scheme=scheme, scrollbars=False)
        page.evaluate(_DRAW_ALL)
        page.frame()
        page.evaluate("scrollTo(0, 0)")
        page.picture(folder / f"{name}.png", whole=True)
    page.open(report, scrollbars=False)
    page.evaluate("document.querySelector('[data-action=worst]')?.click()")
    page.evaluate("document.getElementById('view')?.scrollIntoView()")
    page.frame()
    few_colours(page.picture(folder / "tokens.png"))
    page.open(report, width=WIDTH, scrollbars=False)
    height = page.evaluate("document.querySelector('#which table').getBoundingClientRect().bottom")
    page.open(report, width=WIDTH, height=round(height) + 20, scrollbars=False)
    few_colours(page.picture(folder / "first.png"))


def few_colours(path: Path) -> None:
    """Make a PNG smaller: 64 colours are enough for text."""
    from PIL import Image

    with Image.open(path) as picture:
        found = picture.convert("RGB").quantize(64, dither=Image.Dither.NONE)
    found.save(path, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
