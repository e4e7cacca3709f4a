"""A correlation as a page of its own: the section of the report, in one HTML file without scripts or links."""

from __future__ import annotations

from typing import Any

from lm_eval_hesnr.assets import CORRELATE
from lm_eval_hesnr.messages.characters import visible
from lm_eval_hesnr.results.correlate.correlation import Correlation
from lm_eval_hesnr.results.correlate.figures import families, figures
from lm_eval_hesnr.results.correlate.sentences import cautions, headline
from lm_eval_hesnr.results.correlate.tables import points_table, tables
from lm_eval_hesnr.results.correlate.text import about


def correlation_section(found: Correlation) -> dict[str, Any]:
    """The content of the section: texts, tables and figures, as lists and dictionaries of numbers and text.

    `figures` has one entry per predictor, with pixel positions; `families` maps each training run to its colour; the
    last table has one row per checkpoint. Nothing is escaped for HTML.
    """
    every = tables(found)
    if not found.no_statistics:
        every.append(points_table(found))
    return {
        "title": "Does it predict?",
        "about": about(found.points),
        "answers": headline(found),
        "families": families(found),
        "figures": [] if found.no_statistics else figures(found),
        "tables": [table._asdict() for table in every],
        "cautions": cautions(found),
    }


def correlation_page(found: Correlation) -> str:
    """The HTML of the page. Every text in it is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # only this option needs it

    environment = Environment(
        autoescape=True, loader=FileSystemLoader(CORRELATE), trim_blocks=True, undefined=StrictUndefined
    )
    template = environment.get_template("page.html.j2")
    return visible(template.render(section=correlation_section(found)))
