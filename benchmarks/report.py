"""The page of `hesnr report` in Chromium, against its targets: `python -m benchmarks.report [PART...] [--repeats 5]`.

Parts:
    page   two checkpoints, a trajectory of 131 072 tokens and two short ones: size, times, elements, axe, print
    ten    ten such trajectories in one file: when the first of them can be used
    make   10 checkpoints, 500 trajectories of 25 000 tokens each: time and peak memory of `hesnr report`

It needs the environment of `make test-report`, and Chromium with its driver. The runs are synthetic: texts of embedded
runs in random order, random scores. A time is the median of 5 repeats; the largest one is in brackets. The exit status
is 1 if a target is missed. Runs and pages stay in `out/report` and are used again.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from lm_eval_hesnr.labels import SCOPES
from lm_eval_hesnr.metrics.profile import EPSILON
from lm_eval_hesnr.metrics.scope_result import ScopeResult, scope_result
from tests.results.report.in_browser.page import Page, browser_and_driver, chromium
from tests.results.report.in_browser.synthetic_runs import (
    Document,
    documents,
    many_documents,
    scores,
    settings,
    write_results,
    write_run,
)

TOKENS = 131_072
OTHERS = 7
"""Further, short trajectories, so that there is a verdict."""
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


class Row(NamedTuple):
    """One line of the table."""

    what: str
    target: float
    values: list[float]
    unit: str = ""

    @property
    def value(self) -> float:
        """The median."""
        return statistics.median(self.values)

    def __str__(self) -> str:
        digits = 0 if self.unit in ("", "ms") else 2
        most = f" ({max(self.values):.{digits}f})" if len(self.values) > 1 else ""
        unit = f" {self.unit}" if self.unit else ""
        missed = "" if self.value <= self.target else " **missed**"
        return f"| {self.what} | <= {self.target:g}{unit} | {self.value:.{digits}f}{most}{unit}{missed} |"


def main() -> int:
    """Print the table; return 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} (default: all)")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("out/report"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores, median of {arguments.repeats} (largest)")
    print("| what | target | measured |\n|---|---:|---:|")
    missed = 0
    for part in arguments.parts or PARTS:
        for row in PARTS[part](arguments.out.resolve(), arguments.repeats):
            print(row, flush=True)
            missed += row.value > row.target
    print(f"load {os.getloadavg()[0]:.1f} at the end")
    return 1 if missed else 0


class Made(NamedTuple):
    """What making a report cost."""

    seconds: float
    cpu: float
    """Seconds of CPU time."""
    memory: float
    """Peak, GB."""


def report(out: Path, *arguments: object) -> Made:
    """Run `hesnr report`."""
    begin = time.perf_counter()
    command = [sys.executable, "-m", "lm_eval_hesnr.cli", "report", *map(str, arguments), "-o", str(out), "--force"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return Made(time.perf_counter() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e9)


def two_runs(folder: Path, runs: list[Document]) -> list[Path]:
    """Write two runs if they are not there; return their results files."""
    for number, name in enumerate("AB"):
        if not list((folder / name).glob("results_*.json")):
            write_run(folder / name, runs, number=number, better=0.05 * number)
    return [path for name in "AB" for path in (folder / name).glob("results_*.json")]


def of_page(out: Path, repeats: int) -> Iterator[Row]:
    """The rows about one trajectory."""
    runs = [*documents(1, TOKENS), *(one for one in documents(OTHERS + 1, 2000, seed=7)[1:])]
    path = out / "page.html"
    report(path, *two_runs(out / "page", runs), "--show", ",".join(one.name for one in runs[:3]))
    yield Row("file", 2.5, [path.stat().st_size / 1e6], "MB")
    with _browser() as page:
        times = [_opened(page, path) for _ in range(repeats)]
        yield Row("first paint", 1.5, [one["paint"] / 1000 for one in times], "s")
        yield Row("all usable", 3, [one["usable"] / 1000 for one in times], "s")
        yield Row("elements", 2000, [page.evaluate("document.getElementsByTagName('*').length")])
        for action in ("worst", "next"):
            yield Row(f"jump: {action}", 400, [_clicked(page, action) for _ in range(repeats)], "ms")
        yield Row("other checkpoint", 400, [_other_checkpoint(page, i) for i in range(repeats)], "ms")
        yield Row("scroll by 400 px, 95 % quantile", 150, [_scrolled(page) for _ in range(repeats)], "ms")
        yield Row("requests, errors and dialogs", 0, [len(page.requests() + page.errors() + page.dialogs())])
        for scheme in ("light", "dark"):
            yield Row(f"axe, violations of WCAG 2.2 AA, {scheme}", 0, [_violations(page, scheme)])
        page.open(path)
        yield Row("pages in print", 12, [len(re.findall(rb"/Type\s*/Page[^s]", page.pdf()))])


def of_ten(out: Path, repeats: int) -> Iterator[Row]:
    """The rows about ten trajectories."""
    path = out / "ten.html"
    if not path.exists():
        paths = two_runs(out / "ten", documents(10, TOKENS, seed=20))
        made = report(path, *paths, "--show", 10, "--max-size", "100MB")
        yield Row("ten trajectories: making it", 60, [made.seconds], "s")
    yield Row("ten trajectories: file", 25, [path.stat().st_size / 1e6], "MB")
    with _browser() as page:
        times = [_opened(page, path) for _ in range(repeats)]
        yield Row("ten trajectories: first paint", 1.5, [one["paint"] / 1000 for one in times], "s")
        yield Row("ten trajectories: all usable", 3, [one["usable"] / 1000 for one in times], "s")


def of_making(out: Path, repeats: int) -> Iterator[Row]:
    """The rows about many trajectories. Only 20 have token tables: those of the others are not opened."""
    folder = out / "make"
    if not list(folder.glob("*/results_*.json")):
        runs = documents(20, 25_000, seed=40)
        for number in range(10):
            _write_many(folder / f"step_{100 * (number + 1)}", runs, number)
    measured = [report(out / "make.html", folder) for _ in range(repeats)]
    yield Row("10 checkpoints x 500 trajectories: making it", 10, [one.seconds for one in measured], "s")
    yield Row("10 checkpoints x 500 trajectories: CPU time", 10, [one.cpu for one in measured], "s")
    yield Row("10 checkpoints x 500 trajectories: peak memory", 1, [one.memory for one in measured], "GB")
    yield Row("10 checkpoints x 500 trajectories: file", 25, [(out / "make.html").stat().st_size / 1e6], "MB")
    with _browser() as page:
        times = [_opened(page, out / "make.html") for _ in range(repeats)]
        yield Row("10 checkpoints x 500 trajectories: all usable", 3, [one["usable"] / 1000 for one in times], "s")


def _write_many(folder: Path, runs: list[Document], number: int) -> None:
    """Write a run of 500 trajectories: the results of 20, repeated under other ids. The 20 have token tables."""
    write_run(folder, runs, number=number, better=0.02 * number)
    signature = settings(f"/models/{folder.name}")
    profiles: dict[str, list[Any]] = {"action": [], "all": []}
    digests = []
    for one in runs:
        found = scores(one, better=0.02 * number, run=number)
        digests.append(found.digest)
        for scope, of_scope in profiles.items():
            of_scope.append(found.profile(found.in_scope(SCOPES[scope]), EPSILON))
    names = [one.name for one in runs]
    results: dict[str, ScopeResult] = {}
    for scope, of_scope in profiles.items():
        few = scope_result(of_scope, names, method="static", epsilon=EPSILON, digests=digests)
        results[scope] = many_documents(few, 500)
    write_results(folder, results, signature)


def _browser() -> Any:
    found = browser_and_driver()
    if found is None:
        raise SystemExit("no Chromium or Chrome with its driver (Debian: apt-get install chromium chromium-driver)")
    return chromium(*found)


def _opened(page: Page, path: Path) -> dict[str, float]:
    """The milliseconds from the request to the first paint and to the end of `hesnrReady`."""
    added = page.command("Page.addScriptToEvaluateOnNewDocument", source=_WATCH)["identifier"]
    page.open(path)
    page.command("Page.removeScriptToEvaluateOnNewDocument", identifier=added)
    return page.evaluate(
        "{paint: performance.getEntriesByName('first-contentful-paint')[0].startTime, usable: window.usable}"
    )


_WATCH = "addEventListener('load', () => window.hesnrReady.then(() => { window.usable = performance.now() }))"
_TWO_FRAMES = "await new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))"


def _clicked(page: Page, action: str) -> float:
    body = f"const t = performance.now(); document.querySelector('[data-action={action}]').click(); {_TWO_FRAMES}"
    return page.evaluate_later(f"{body}; return performance.now() - t")


def _other_checkpoint(page: Page, place: int) -> float:
    return page.evaluate_later(
        "const e = document.getElementById('checkpoint'), t = performance.now();"
        " e.selectedIndex = arguments[0] % e.options.length; e.dispatchEvent(new Event('change'));"
        f" {_TWO_FRAMES}; return performance.now() - t",
        place,
    )


def _scrolled(page: Page) -> float:
    return page.evaluate_later(
        "const box = document.getElementById('text'), times = []; box.scrollTop = 0;"
        " for (let i = 0; i < 120; i++) { const t = performance.now(); box.scrollTop += 400;"
        " await new Promise(requestAnimationFrame); times.push(performance.now() - t); }"
        " times.sort((a, b) => a - b); return times[113]"
    )


def _violations(page: Page, scheme: str) -> float:
    import axe_playwright_python  # type: ignore[import-not-found]

    page.media(scheme)
    script = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    page.command("Runtime.evaluate", expression=script)
    return page.evaluate_later("return (await axe.run({runOnly: arguments[0]})).violations.length", WCAG)


PARTS: dict[str, Callable[[Path, int], Iterator[Row]]] = {"page": of_page, "ten": of_ten, "make": of_making}

if __name__ == "__main__":
    sys.exit(main())
