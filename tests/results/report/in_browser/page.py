"""A page in a real Chromium: what it requests and logs, keys, devices, print. `benchmarks/report.py` uses it too."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver import ActionChains
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
LOCAL = ("file:", "data:", "blob:")
_WAIT = 120
"""Seconds until a page that never gets ready is an error."""


def browser_and_driver() -> tuple[str, str] | None:
    """Return the paths of Chromium or Chrome and of its driver; None if one of them is not installed."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


def start(browser: str, driver: str) -> Page:
    """Start a browser without a window, and return its page. Both paths are given, so nothing is downloaded.

    Raises:
        WebDriverException: it does not start.
    """
    options = Options()
    options.binary_location = browser
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.set_capability("unhandledPromptBehavior", "dismiss")
    started = webdriver.Chrome(options=options, service=Service(executable_path=driver))
    started.set_page_load_timeout(_WAIT)
    started.set_script_timeout(_WAIT)
    return Page(started)


@contextmanager
def chromium(browser: str, driver: str) -> Iterator[Page]:
    """As `start`; the browser ends with the block."""
    page = start(browser, driver)
    try:
        yield page
    finally:
        page.driver.quit()


class Page:
    """The page that is open. Each `open` starts from the same device: 1280 x 900, light, with JavaScript."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self.events: list[dict[str, Any]] = []
        """What the browser reported since `open`: requests, dialogs."""
        self.logged: list[str] = []
        """Errors that the console got since `open`."""

    def open(
        self,
        path: Path,
        *,
        fragment: str = "",
        width: int = 1280,
        height: int = 900,
        scheme: str = "light",
        forced_colors: bool = False,
        javascript: bool = True,
        scrollbars: bool = True,
    ) -> Page:
        """Open a report and wait until all of it is usable."""
        self.command("Emulation.setScriptExecutionDisabled", value=not javascript)
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        self.command("Emulation.setScrollbarsHidden", hidden=not scrollbars)
        self.media(scheme, forced_colors=forced_colors)
        self.driver.get("about:blank")
        self._collect()
        self.events, self.logged = [], []
        self.driver.get(path.resolve().as_uri() + fragment)
        if javascript:
            self.driver.execute_async_script("const done = arguments[0]; window.hesnrReady.then(() => done(1))")
        return self

    def media(self, scheme: str = "light", *, forced_colors: bool = False) -> None:
        """Set the colours that the person prefers."""
        features = {"prefers-color-scheme": scheme, "forced-colors": "active" if forced_colors else "none"}
        features["prefers-reduced-motion"] = "reduce"
        self.command(
            "Emulation.setEmulatedMedia",
            features=[{"name": name, "value": value} for name, value in features.items()],
        )

    def command(self, name: str, **parameters: Any) -> Any:
        """Return the answer of Chromium to a command of its DevTools protocol."""
        return self.driver.execute_cdp_cmd(name, parameters)

    def evaluate(self, expression: str, *values: Any) -> Any:
        """Return the value of a JavaScript expression, which names its `values` arguments[0] ..."""
        return self.driver.execute_script(f"return ({expression})", *values)

    def evaluate_later(self, body: str, *values: Any) -> Any:
        """Return what the body of an async JavaScript function returns."""
        script = (
            f"const done = arguments[arguments.length - 1]; (async () => {{{body}}})().then(done, e => done('' + e))"
        )
        return self.driver.execute_async_script(script, *values)

    def text(self, selector: str) -> str:
        """Return the text of the first element with this selector, also if it is out of view."""
        found: str = self.evaluate("document.querySelector(arguments[0]).textContent", selector)
        return " ".join(found.split())

    def press(self, *keys: str) -> None:
        """Press keys, one after the other, where the focus is."""
        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def hover(self, selector: str) -> None:
        """Move the mouse over the first element with this selector."""
        place = self.evaluate(
            "(r => [r.left + r.width / 2, r.top + r.height / 2])"
            "(document.querySelector(arguments[0]).getBoundingClientRect())",
            selector,
        )
        for moved in (5, 0):  # the browser ignores a move to where the mouse is
            self.command("Input.dispatchMouseEvent", type="mouseMoved", x=place[0], y=place[1] + moved)
            self.frame()

    def frame(self) -> None:
        """Wait until the browser has drawn twice."""
        self.evaluate_later("await new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")

    def picture(self, path: Path, *, whole: bool = False) -> Path:
        """Write a PNG of what is in view, or of the whole page; return its path."""
        answer = self.command("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(answer["data"]))
        return path

    def pdf(self) -> bytes:
        """Return the page as it is printed on A4."""
        answer = self.command("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)
        return base64.b64decode(answer["data"])

    def requests(self) -> list[str]:
        """Return the addresses outside the file that the page has asked for since `open`."""
        self._collect()
        sent = [one["params"] for one in self.events if one["method"] == "Network.requestWillBeSent"]
        urls = [one["request"]["url"] for one in sent]
        return [url for url in urls if not url.startswith((*LOCAL, "about:", "chrome:"))]

    def dialogs(self) -> list[str]:
        """Return the dialogs that the page has opened since `open`."""
        self._collect()
        return [one["params"]["message"] for one in self.events if one["method"] == "Page.javascriptDialogOpening"]

    def errors(self) -> list[str]:
        """Return the errors and warnings of the console since `open`."""
        self._collect()
        return self.logged

    def _collect(self) -> None:
        self.events += [json.loads(one["message"])["message"] for one in self.driver.get_log("performance")]
        self.logged += [one["message"] for one in self.driver.get_log("browser") if one["level"] != "INFO"]
