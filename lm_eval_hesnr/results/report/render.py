"""The page as HTML. Every text goes through the template's escapes; only our own script and style do not."""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from lm_eval_hesnr import __version__
from lm_eval_hesnr.assets import CORRELATE, REPORT
from lm_eval_hesnr.messages.characters import visible

MARK = '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<meta name="generator" content="hesnr report'
"""The first characters of every page."""
_LIBRARY = "plot.js"
"""Made by assets_src/report_charts."""
_LICENCES = "LICENSES.txt"
"""They must be in every copy of the library."""
_OWN_SCRIPTS = ("page.js", "charts.js", "tokens.js")
"""They are one script of the page, in this order."""


def render(context: dict[str, Any]) -> str:
    """The page.

    Args:
        context: the values of the template.
    """
    scripts = [_own_text(_LIBRARY), "\n".join(map(_own_text, _OWN_SCRIPTS))]
    return _template().render(
        version=__version__,
        style=Markup(_own_text("page.css")),  # noqa: S704 (our own file)
        scripts=[Markup(script) for script in scripts],  # noqa: S704 (our own files)
        policy=_policy(scripts),
        licences=_own_text(_LICENCES),
        **context,
    )


def _policy(scripts: list[str]) -> str:
    """The page's security policy: it runs these scripts, and it requests nothing."""
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii") for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src {allowed}; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )


@lru_cache(maxsize=1)
def _template() -> Any:
    environment = Environment(
        loader=FileSystemLoader([REPORT, CORRELATE]),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    return environment.get_template("page.html.jinja")


def _visible(value: Any) -> Any:
    """A text with escapes for control characters, before the template escapes markup."""
    return visible(value) if type(value) is str else value  # `Markup` is a str too


@lru_cache(maxsize=8)
def _own_text(name: str) -> str:
    return Path(REPORT / name).read_text(encoding="utf-8")
