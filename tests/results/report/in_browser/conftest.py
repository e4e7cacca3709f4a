"""Reports of synthetic runs, and a browser that opens them. Without a browser, the tests are skipped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lm_eval_hesnr.cli import main
from tests.results.report.in_browser.synthetic_runs import documents, write_run, write_sweep


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.end_to_end)


@pytest.fixture(scope="session")
def page() -> Iterator[Any]:
    """A page in Chromium or Chrome, one browser for all tests."""
    pytest.importorskip("selenium", reason="selenium is not installed: make test-report")
    from selenium.common.exceptions import WebDriverException

    from tests.results.report.in_browser.page import browser_and_driver, start

    found = browser_and_driver()
    if found is None:
        pytest.skip("no Chromium or Chrome with its driver (Debian: apt-get install chromium chromium-driver)")
    try:
        started = start(*found)
    except WebDriverException as error:  # such as a driver of another version
        pytest.skip(f"{found[0]} does not start: {str(error).splitlines()[0]}")
    yield started
    started.driver.quit()


@pytest.fixture(scope="session")
def axe() -> str:
    """The script of axe-core."""
    package = pytest.importorskip("axe_playwright_python", reason="axe-core is not installed: make test-report")
    return (Path(package.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def reported(tmp_path_factory) -> Callable[..., Path]:
    """A function that runs `hesnr report` and returns the path of the page."""

    def _reported(*arguments: object) -> Path:
        out: Path = tmp_path_factory.mktemp("report") / "report.html"
        assert main(["report", *map(str, arguments), "-o", str(out)]) == 0
        return out

    return _reported


@pytest.fixture(scope="session")
def two_runs(tmp_path_factory) -> tuple[Path, Path]:
    """The folders of two runs, A and B, on the same eight trajectories of 3000 tokens, with tables. B is better."""
    folder = tmp_path_factory.mktemp("runs")
    runs = documents(8, 3000)
    for number, name in enumerate("AB"):
        write_run(folder / name, runs, number=number, better=0.2 * number)
    return folder / "A", folder / "B"


@pytest.fixture(scope="session")
def pair(two_runs, reported) -> Path:
    """The report of two runs."""
    return reported(*two_runs)


@pytest.fixture(scope="session")
def sweep(tmp_path_factory) -> Path:
    """The folder of a sweep with five checkpoints."""
    steps = {f"step_{step}": step for step in (100, 200, 400, 800, 1600)}
    return write_sweep(tmp_path_factory.mktemp("sweep"), steps, documents(8, 1000))


@pytest.fixture(scope="session")
def family(sweep, reported) -> Path:
    """The report of a sweep."""
    return reported(sweep)
